package io.lamina.vhostuser.virtqueue;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * A split virtqueue, driver side: what a guest's kernel does, for tests and benches. It writes whatever it is told, also
 * what no honest driver would. One thread at a time.
 */
public final class SplitDriver {
    /** {@link #poll} found nothing. */
    public static final int NONE = -1;

    public static final int NEXT = SplitRing.F_NEXT;
    public static final int WRITE = SplitRing.F_WRITE;
    public static final int INDIRECT = SplitRing.F_INDIRECT;

    private static final int INDEX_MASK = 0xffff;

    private final int size;
    private final boolean eventIdx;
    private final MemorySegment descriptors;
    private final MemorySegment available;
    private final MemorySegment used;
    private int availableIndex;
    private int publishedIndex;
    private int usedIndex;
    private long lastLengthBytes;

    /**
     * @param ring zeroes of {@link #bytes} bytes
     * @param features what has been negotiated
     */
    public SplitDriver(MemorySegment ring, int size, long features) {
        this.size = size;
        this.eventIdx = (features & VirtioFeatures.RING_EVENT_IDX) != 0;
        this.descriptors = ring.asSlice(0, SplitRing.descriptorBytes(size));
        this.available = ring.asSlice(availableOffset(size), SplitRing.availableBytes(size));
        this.used = ring.asSlice(usedOffset(size), SplitRing.usedBytes(size));
    }

    /** Bytes of a ring of this size. */
    public static long bytes(int size) {
        return usedOffset(size) + SplitRing.usedBytes(size);
    }

    /** Where in the ring's bytes the available ring starts; the descriptor table starts at 0. */
    public static long availableOffset(int size) {
        return SplitRing.descriptorBytes(size);
    }

    /** Where in the ring's bytes the used ring starts: as close behind as its alignment allows, as Linux puts it. */
    public static long usedOffset(int size) {
        return (availableOffset(size) + SplitRing.availableBytes(size) + 3) & -4L;
    }

    /** Writes one descriptor. */
    public void describe(int index, long guestAddress, long lengthBytes, int flags, int next) {
        describe(descriptors, index, guestAddress, lengthBytes, flags, next);
    }

    /** Writes one descriptor of any table, such as an indirect one. */
    public static void describe(
            MemorySegment table, int index, long guestAddress, long lengthBytes, int flags, int next) {
        long at = (long) SplitRing.DESCRIPTOR_BYTES * index;
        table.set(SplitRing.U64, at, guestAddress);
        table.set(SplitRing.U32, at + SplitRing.DESC_LEN, (int) lengthBytes);
        table.set(SplitRing.U16, at + SplitRing.DESC_FLAGS, (short) flags);
        table.set(SplitRing.U16, at + SplitRing.DESC_NEXT, (short) next);
    }

    /** Puts a chain into the available ring; the device sees it after {@link #publish}. */
    public void offer(int head) {
        long entry = SplitRing.RING + (long) SplitRing.AVAIL_ENTRY_BYTES * (availableIndex & (size - 1));
        available.set(SplitRing.U16, entry, (short) head);
        availableIndex = (availableIndex + 1) & INDEX_MASK;
    }

    /** Lets the device see what was offered; true when it wants to be kicked for it. */
    public boolean publish() {
        int before = publishedIndex;
        publishedIndex = availableIndex;
        // Partner: the device's acquiring read of avail.idx.
        SplitRing.setRelease(available, SplitRing.IDX, availableIndex);
        // Partner: the device's fence between writing avail_event (or flags) and reading avail.idx.
        VarHandle.fullFence();
        if (!eventIdx) {
            return (SplitRing.getOpaque(used, SplitRing.FLAGS) & SplitRing.NO_NOTIFY) == 0;
        }
        int availEvent = SplitRing.getOpaque(used, SplitRing.RING + (long) SplitRing.USED_ENTRY_BYTES * size);
        return ((availableIndex - availEvent - 1) & INDEX_MASK) < ((availableIndex - before) & INDEX_MASK);
    }

    /** Pretends to have offered this many chains more, or fewer. */
    public void jump(int chains) {
        availableIndex = (availableIndex + chains) & INDEX_MASK;
    }

    /** The head of the next chain that the device gave back, or {@link #NONE}. */
    public int poll() {
        // Partner: the device's releasing write of used.idx.
        if (SplitRing.getAcquire(used, SplitRing.IDX) == usedIndex) {
            return NONE;
        }
        long entry = SplitRing.RING + (long) SplitRing.USED_ENTRY_BYTES * (usedIndex & (size - 1));
        int head = used.get(SplitRing.U32, entry);
        lastLengthBytes = Integer.toUnsignedLong(used.get(SplitRing.U32, entry + SplitRing.USED_LEN));
        usedIndex = (usedIndex + 1) & INDEX_MASK;
        return head;
    }

    /** Chains published and not given back. */
    public int inFlight() {
        return (publishedIndex - usedIndex) & INDEX_MASK;
    }

    /** What the device says to have written into the chain that {@link #poll} answered last. */
    public long lastLengthBytes() {
        return lastLengthBytes;
    }

    /** Asks for an interrupt after the next chain; true when one is there already. */
    public boolean enableInterrupts() {
        if (eventIdx) {
            SplitRing.setOpaque(available, SplitRing.RING + (long) SplitRing.AVAIL_ENTRY_BYTES * size, usedIndex);
        } else {
            SplitRing.setOpaque(available, SplitRing.FLAGS, 0);
        }
        // Partner: the device's fence between writing used.idx and reading used_event (or flags).
        VarHandle.fullFence();
        return SplitRing.getAcquire(used, SplitRing.IDX) != usedIndex;
    }

    /** Asks for no interrupt; with event indices it is enough not to ask again. */
    public void disableInterrupts() {
        if (!eventIdx) {
            SplitRing.setOpaque(available, SplitRing.FLAGS, SplitRing.NO_INTERRUPT);
        }
    }
}
