package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Clocks of {@code clock_gettime(2)} that Java does not show. */
public final class Clock {
    /** {@code linux/time.h}. */
    private static final int CLOCK_BOOTTIME = 7;

    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private Clock() {}

    /** Nanoseconds since the kernel started, time asleep included ({@code CLOCK_BOOTTIME}). */
    public static long bootTimeNanos() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment timespec = arena.allocate(ValueLayout.JAVA_LONG, 2);
            long _ = SystemCall.CLOCK_GETTIME.call("", CLOCK_BOOTTIME, timespec.address());
            return timespec.getAtIndex(ValueLayout.JAVA_LONG, 0) * NANOS_PER_SECOND
                    + timespec.getAtIndex(ValueLayout.JAVA_LONG, 1);
        } catch (SystemCallException impossible) {
            throw new AssertionError("a kernel without this clock", impossible);
        }
    }
}
