package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Clocks of {@code clock_gettime(2)} that Java does not show. */
public final class Clock {
    /** {@code linux/time.h}. */
    private static final int CLOCK_BOOTTIME = 7;

    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final MethodHandle CLOCK_GETTIME = Libc.handle(
            "clock_gettime", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));

    private Clock() {}

    /** Nanoseconds since the kernel started, time asleep included ({@code CLOCK_BOOTTIME}). */
    public static long bootTimeNanos() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment timespec = arena.allocate(ValueLayout.JAVA_LONG, 2);
            int _ = (int) CLOCK_GETTIME.invokeExact(CLOCK_BOOTTIME, timespec); // cannot fail for this clock
            return timespec.getAtIndex(ValueLayout.JAVA_LONG, 0) * NANOS_PER_SECOND
                    + timespec.getAtIndex(ValueLayout.JAVA_LONG, 1);
        } catch (Throwable failure) {
            throw Libc.unexpected("clock_gettime", failure);
        }
    }
}
