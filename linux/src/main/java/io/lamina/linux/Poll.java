package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Waiting for a descriptor without reading from it ({@code poll(2)}). */
public final class Poll {
    /** {@code struct pollfd}: the descriptor (int), the events asked for and those found (two shorts). */
    private static final int POLLFD_BYTES = 8;

    private static final int EVENTS = 4;
    private static final short POLLIN = 1;

    private static final MethodHandle POLL = Libc.errnoHandle(
            "poll",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

    private Poll() {}

    /**
     * Whether a read of {@code fd} would not wait: there is something to read, or nothing will ever come. A signal ends
     * the wait early, with false.
     *
     * @param millis how long to wait for that; -1 for ever
     */
    public static boolean readable(OwnedFd fd, int millis) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment request = arena.allocate(POLLFD_BYTES, Integer.BYTES);
            request.set(ValueLayout.JAVA_INT, 0, fd.number());
            request.set(ValueLayout.JAVA_SHORT, EVENTS, POLLIN);
            int result = (int) POLL.invokeExact(state, request, 1L, millis);
            if (result < 0 && Libc.errno(state) != Errno.EINTR) {
                throw new SystemCallException("poll", fd.toString(), Libc.errno(state));
            }
            return result > 0;
        } catch (SystemCallException | IllegalStateException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("poll", failure);
        }
    }
}
