package io.lamina.vhostuser.virtqueue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Where the fields of a split ring lie ({@code linux/virtio_ring.h}; virtio 1.3, sections 2.7.5 to 2.7.8), and with
 * which order each is read and written. All integers are little endian.
 *
 * <pre>
 * descriptor = addr u64, len u32, flags u16, next u16
 * available  = flags u16, idx u16, ring u16[n], used_event u16
 * used       = flags u16, idx u16, {id u32, len u32}[n], avail_event u16
 * </pre>
 */
final class SplitRing {
    static final int DESCRIPTOR_BYTES = 16;
    static final int DESC_LEN = 8;
    static final int DESC_FLAGS = 12;
    static final int DESC_NEXT = 14;
    static final int F_NEXT = 1;
    static final int F_WRITE = 2;
    static final int F_INDIRECT = 4;

    static final int FLAGS = 0;
    static final int IDX = 2;
    static final int RING = 4;
    static final int AVAIL_ENTRY_BYTES = 2;
    static final int USED_ENTRY_BYTES = 8;
    static final int USED_LEN = 4;
    static final int NO_INTERRUPT = 1;
    static final int NO_NOTIFY = 1;

    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U16_HANDLE = U16.varHandle().withInvokeExactBehavior();

    private SplitRing() {}

    static long descriptorBytes(int size) {
        return (long) DESCRIPTOR_BYTES * size;
    }

    /** With the {@code used_event} field, which is always there. */
    static long availableBytes(int size) {
        return RING + (long) AVAIL_ENTRY_BYTES * size + 2;
    }

    /** With the {@code avail_event} field, which is always there. */
    static long usedBytes(int size) {
        return RING + (long) USED_ENTRY_BYTES * size + 2;
    }

    /** What comes after this read in the program sees what the driver wrote before the field. */
    static int getAcquire(MemorySegment ring, long offset) {
        return Short.toUnsignedInt((short) U16_HANDLE.getAcquire(ring, offset));
    }

    /** The driver that sees this write also sees every write before it. */
    static void setRelease(MemorySegment ring, long offset, int value) {
        U16_HANDLE.setRelease(ring, offset, (short) value);
    }

    /** Only the field itself is whole; its neighbours order nothing, a fence beside the call does. */
    static int getOpaque(MemorySegment ring, long offset) {
        return Short.toUnsignedInt((short) U16_HANDLE.getOpaque(ring, offset));
    }

    /** As {@link #getOpaque}. */
    static void setOpaque(MemorySegment ring, long offset, int value) {
        U16_HANDLE.setOpaque(ring, offset, (short) value);
    }
}
