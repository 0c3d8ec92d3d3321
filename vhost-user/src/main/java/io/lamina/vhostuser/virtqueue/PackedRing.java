package io.lamina.vhostuser.virtqueue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Where the fields of a packed ring lie ({@code linux/virtio_ring.h}; virtio 1.3, section 2.8), and with which order each
 * is read and written. All integers are little endian.
 *
 * <pre>
 * descriptor = addr u64, len u32, id u16, flags u16
 * events     = off_wrap u16, flags u16      one of the driver's, one of the device's
 * </pre>
 */
final class PackedRing {
    static final int DESCRIPTOR_BYTES = 16;
    static final int LEN = 8;
    static final int ID = 12;
    static final int DESC_FLAGS = 14;
    static final int F_AVAIL = 1 << 7;
    static final int F_USED = 1 << 15;

    static final int EVENTS_BYTES = 4;
    static final int OFF_WRAP = 0;
    static final int EVENT_FLAGS = 2;
    static final int EVENTS_ENABLE = 0;
    static final int EVENTS_DISABLE = 1;
    static final int EVENTS_DESC = 2;

    /** The wrap counter beside a position. */
    static final int WRAP = 1 << 15;

    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle U16_HANDLE = U16.varHandle().withInvokeExactBehavior();

    private PackedRing() {}

    /** What comes after this read in the program sees what the other side wrote before the field. */
    static int getAcquire(MemorySegment memory, long offset) {
        return Short.toUnsignedInt((short) U16_HANDLE.getAcquire(memory, offset));
    }

    /** The other side that sees this write also sees every write before it. */
    static void setRelease(MemorySegment memory, long offset, int value) {
        U16_HANDLE.setRelease(memory, offset, (short) value);
    }

    static int getU16(MemorySegment memory, long offset) {
        return Short.toUnsignedInt(memory.get(U16, offset));
    }

    static void putU16(MemorySegment memory, long offset, int value) {
        memory.set(U16, offset, (short) value);
    }

    /** A descriptor with these flags is the driver's word in the lap of this wrap counter: the device may take it. */
    static boolean isAvailable(int flags, boolean wrap) {
        return ((flags & F_AVAIL) != 0) == wrap && ((flags & F_USED) != 0) != wrap;
    }
}
