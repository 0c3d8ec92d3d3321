package io.lamina.vhostuser.virtqueue;

import io.lamina.vhostuser.protocol.Request.VringAddresses;
import java.lang.foreign.MemorySegment;

/** A packed virtqueue, driver side, which always wants to be interrupted. It writes whatever it is told. */
public final class PackedDriver {
    /** {@link #poll} found nothing. */
    public static final int NONE = -1;

    private final MemorySegment ring;
    private final int size;
    private final int[] descriptors;
    private int position;
    private boolean wrap = true;
    private int usedPosition;
    private boolean usedWrap = true;

    /** A buffer of a chain. */
    public record Buffer(long guestAddress, long lengthBytes, int flags) {}

    /** @param ring zeroes of {@link #bytes} bytes */
    public PackedDriver(MemorySegment ring, int size) {
        this.ring = ring;
        this.size = size;
        this.descriptors = new int[1 << 16];
    }

    /** Bytes of a ring of this size and of both sides' events. */
    public static long bytes(int size) {
        return (long) PackedRing.DESCRIPTOR_BYTES * size + 2L * PackedRing.EVENTS_BYTES;
    }

    /** Where the ring lies, as the back-end is told. */
    public VringAddresses addresses() {
        long at = ring.address();
        long events = at + (long) PackedRing.DESCRIPTOR_BYTES * size;
        return new VringAddresses(false, at, events + PackedRing.EVENTS_BYTES, events, 0);
    }

    /** Makes a chain available; NEXT is added to all buffers but the last, whatever their flags. */
    public void offer(int id, Buffer... buffers) {
        int first = position;
        int firstFlags = 0;
        for (int i = 0; i < buffers.length; i++) {
            Buffer buffer = buffers[i];
            long at = (long) PackedRing.DESCRIPTOR_BYTES * position;
            ring.set(SplitRing.U64, at, buffer.guestAddress());
            ring.set(SplitRing.U32, at + PackedRing.LEN, (int) buffer.lengthBytes());
            PackedRing.putU16(ring, at + PackedRing.ID, id);
            int flags = buffer.flags()
                    | (i < buffers.length - 1 ? SplitRing.F_NEXT : 0)
                    | (wrap ? PackedRing.F_AVAIL : PackedRing.F_USED);
            if (i == 0) {
                firstFlags = flags;
            } else {
                PackedRing.putU16(ring, at + PackedRing.DESC_FLAGS, flags);
            }
            if (++position == size) {
                position = 0;
                wrap = !wrap;
            }
        }
        descriptors[id] = buffers.length;
        // Partner: the device's acquiring read of the first descriptor's flags.
        PackedRing.setRelease(ring, (long) PackedRing.DESCRIPTOR_BYTES * first + PackedRing.DESC_FLAGS, firstFlags);
    }

    /** The id of the next chain that the device gave back, or {@link #NONE}. */
    public int poll() {
        long at = (long) PackedRing.DESCRIPTOR_BYTES * usedPosition;
        // Partner: the device's releasing write of the flags.
        int flags = PackedRing.getAcquire(ring, at + PackedRing.DESC_FLAGS);
        if (((flags & PackedRing.F_AVAIL) != 0) != usedWrap || ((flags & PackedRing.F_USED) != 0) != usedWrap) {
            return NONE;
        }
        int id = PackedRing.getU16(ring, at + PackedRing.ID);
        usedPosition += descriptors[id];
        if (usedPosition >= size) {
            usedPosition -= size;
            usedWrap = !usedWrap;
        }
        return id;
    }
}
