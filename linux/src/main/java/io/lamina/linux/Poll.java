package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Waits until one descriptor is readable ({@code poll(2)}). An object serves one thread at a time and allocates nothing. */
public final class Poll {
    private static final short POLLIN = 1;

    /** {@code struct pollfd}: descriptor, wanted events, events that came. */
    private static final long EVENTS = 4;

    private static final long REVENTS = 6;
    private static final long POLLFD_BYTES = 8;

    private static final MethodHandle POLL = Libc.handle(
            "poll",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

    private final MemorySegment waited = Arena.ofAuto().allocate(POLLFD_BYTES, 4);

    /**
     * Waits for data, the end of the stream or an error.
     *
     * @param timeoutMillis how long at most; below 0 for ever
     * @return false when the time has passed
     */
    public boolean readable(OwnedFd fd, int timeoutMillis) {
        waited.set(ValueLayout.JAVA_INT, 0, fd.number());
        waited.set(ValueLayout.JAVA_SHORT, EVENTS, POLLIN);
        waited.set(ValueLayout.JAVA_SHORT, REVENTS, (short) 0);
        try {
            return (int) POLL.invokeExact(waited, 1L, timeoutMillis) > 0;
        } catch (Throwable failure) {
            throw Libc.unexpected("poll", failure);
        }
    }
}
