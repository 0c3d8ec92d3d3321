package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Waiting for a descriptor without reading from it ({@code ppoll(2)}). */
public final class Poll {
    /** {@code struct pollfd}: the descriptor (int), the events asked for and those found (two shorts). */
    private static final int POLLFD_BYTES = 8;

    private static final int EVENTS = 4;
    private static final short POLLIN = 1;
    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final long MILLIS_PER_SECOND = 1000;

    private Poll() {}

    /**
     * Whether a read of {@code fd} would not wait: there is something to read, or nothing will ever come. A signal ends
     * the wait early, with false.
     *
     * @param millis how long to wait for that; -1 for ever
     */
    public static boolean readable(OwnedFd fd, int millis) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(POLLFD_BYTES, Integer.BYTES);
            request.set(ValueLayout.JAVA_INT, 0, fd.number());
            request.set(ValueLayout.JAVA_SHORT, EVENTS, POLLIN);
            MemorySegment timespec = arena.allocate(ValueLayout.JAVA_LONG, 2);
            timespec.setAtIndex(ValueLayout.JAVA_LONG, 0, millis / MILLIS_PER_SECOND);
            timespec.setAtIndex(ValueLayout.JAVA_LONG, 1, millis % MILLIS_PER_SECOND * NANOS_PER_MILLI);
            long limit = millis < 0 ? 0 : timespec.address();
            return SystemCall.PPOLL.call(fd.toString(), request.address(), 1, limit) > 0;
        } catch (SystemCallException failure) {
            if (failure.errno() == Errno.EINTR) {
                return false;
            }
            throw failure;
        }
    }
}
