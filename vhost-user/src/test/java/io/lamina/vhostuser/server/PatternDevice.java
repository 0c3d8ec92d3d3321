package io.lamina.vhostuser.server;

import io.lamina.vhostuser.block.BlockDevice;
import io.lamina.vhostuser.block.BufferCursor;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.IoContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongUnaryOperator;

/**
 * A device whose every 8 bytes say where they are, so that a test knows each byte without holding a copy. It can be told
 * to be slow: then each read waits, in a thread that may, until the test lets it through.
 */
final class PatternDevice implements BlockDevice {
    private static final int SLICE_BYTES = 1 << 16;

    /** As long as a read may stay blocked before a broken test gives up. */
    final Semaphore letThrough = new Semaphore(0);

    final AtomicInteger closed = new AtomicInteger();
    volatile boolean slow;

    private final DeviceDescription description;
    private final ThreadLocal<MemorySegment> scratch =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(SLICE_BYTES, 8));

    private final LongUnaryOperator words;

    PatternDevice(long sizeBytes) {
        this(sizeBytes, PatternDevice::at);
    }

    /** A device of other words: {@code words} knows the 8 bytes at an offset. */
    PatternDevice(long sizeBytes, LongUnaryOperator words) {
        this.words = words;
        description = new DeviceDescription(sizeBytes, 512, true, "pattern-0123456789ab");
    }

    /** What the device holds in the 8 bytes at an offset that is a multiple of 8. */
    static long at(long offsetBytes) {
        return offsetBytes * 0x9e37_79b9_7f4a_7c15L ^ 0x4c41_4d49_4e41L;
    }

    @Override
    public DeviceDescription description() {
        return description;
    }

    @Override
    public long read(long offsetBytes, long lengthBytes, BufferCursor into, IoContext context) {
        if (slow) {
            if (!context.mayBlock()) {
                return WOULD_BLOCK;
            }
            letThrough.acquireUninterruptibly();
        }
        MemorySegment slice = scratch.get();
        long length = Math.min(lengthBytes, SLICE_BYTES);
        for (long i = 0; i < length; i += 8) {
            slice.set(ValueLayout.JAVA_LONG, i, words.applyAsLong(offsetBytes + i));
        }
        into.copyFrom(slice, 0, length);
        return length;
    }

    @Override
    public void close() {
        closed.incrementAndGet();
    }
}
