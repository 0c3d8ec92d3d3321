package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** A counter that wakes who waits for it ({@code eventfd(2)}): virtqueue kicks and calls are these. */
public final class EventFd {
    private static final int EFD_CLOEXEC = 0x80000;
    private static final int EFD_NONBLOCK = 0x800;
    private static final long COUNTER_BYTES = 8;

    private static final MethodHandle EVENTFD = Libc.errnoHandle(
            "eventfd", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final FunctionDescriptor TRANSFER = FunctionDescriptor.of(
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG);
    private static final MethodHandle WRITE = Libc.handle("write", TRANSFER);
    private static final MethodHandle READ = Libc.handle("read", TRANSFER);

    /** The value 1, in the byte order of the machine; never written. */
    private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1);

    private EventFd() {}

    /** A new counter at 0, non-blocking, closed on exec. */
    public static OwnedFd create() throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int number = (int) EVENTFD.invokeExact(state, 0, EFD_CLOEXEC | EFD_NONBLOCK);
            if (number < 0) {
                throw new SystemCallException("eventfd", "", Libc.errno(state));
            }
            return new OwnedFd(number);
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("eventfd", failure);
        }
    }

    /**
     * Adds 1. It has no failure: a full counter has woken its reader already, and a peer that handed over something
     * else than a counter hears nothing.
     */
    public static void signal(OwnedFd fd) {
        try {
            long ignored = (long) WRITE.invokeExact(fd.number(), ONE, COUNTER_BYTES);
        } catch (Throwable failure) {
            throw Libc.unexpected("write", failure);
        }
    }

    /** Sets the counter back to 0 and answers its value; 0 when nobody has signalled. For one thread of tests and benches. */
    public static long drain(OwnedFd fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
            long bytes = (long) READ.invokeExact(fd.number(), value, COUNTER_BYTES);
            return bytes == COUNTER_BYTES ? value.get(ValueLayout.JAVA_LONG, 0) : 0;
        } catch (Throwable failure) {
            throw Libc.unexpected("read", failure);
        }
    }
}
