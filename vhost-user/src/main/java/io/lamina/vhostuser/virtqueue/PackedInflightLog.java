package io.lamina.vhostuser.virtqueue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Which chains of one packed ring the device has taken, in memory that outlives this process, as {@link InflightLog} for
 * split rings. A used descriptor takes the place of one that may be under way, so the log holds copies of descriptors. Its
 * layout is this back-end's own: a front-end only keeps the bytes.
 *
 * <pre>
 * region     = version u16, desc_num u16, 0 u32, position u64, chain[desc_num], slot[desc_num]
 * position   = used index and its wrap counter (bit 15), and 1 + the id that is being given back (from bit 16)
 * chain      = inflight u8, 0 u8, first slot u16, slots u16, 0 u16, counter u64      one for each buffer id
 * slot       = addr u64, len u32, flags u16, next slot u16
 * </pre>
 *
 * <p>The writes are ordered for a reader that comes after the death of this process: only the compiler must not reorder.
 */
public final class PackedInflightLog {
    /** Unlike any version of {@link InflightLog}, whose first field is a number of features, 0. */
    private static final short VERSION = 0x5051;

    private static final int DESC_NUM = 2;
    private static final int POSITION = 8;
    private static final int CHAINS = 16;
    private static final int RECORD_BYTES = 16;
    private static final int FIRST_SLOT = 2;
    private static final int SLOTS = 4;
    private static final int COUNTER = 8;
    private static final int SLOT_LEN = 8;
    private static final int SLOT_FLAGS = 12;
    private static final int SLOT_NEXT = 14;
    private static final int PUBLISHING_SHIFT = 16;
    private static final int ALIGNMENT_BYTES = 64;

    private final MemorySegment bytes;
    private final int size;
    private final int[] freeSlots;
    private int free;
    private long counter = 1;

    /**
     * @param bytes {@link #bytes(int)} of them, aligned to 8
     * @param size the ring's
     */
    public PackedInflightLog(MemorySegment bytes, int size) {
        this.bytes = bytes;
        this.size = size;
        this.freeSlots = new int[size];
    }

    /** What a ring of this size takes of a region, a multiple of 64. */
    public static long bytes(int size) {
        return (CHAINS + 2L * RECORD_BYTES * size + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
    }

    /** The log is one of a packed ring of this size. */
    boolean isInUse() {
        return bytes.get(ValueLayout.JAVA_SHORT, 0) == VERSION && getShort(DESC_NUM) == size;
    }

    /** Starts over with a ring that nothing is taken of. */
    void begin(int usedPosition) {
        bytes.fill((byte) 0);
        putShort(DESC_NUM, size);
        bytes.set(ValueLayout.JAVA_LONG, POSITION, usedPosition);
        VarHandle.storeStoreFence();
        bytes.set(ValueLayout.JAVA_SHORT, 0, VERSION);
        for (int slot = 0; slot < size; slot++) {
            freeSlots[free++] = slot;
        }
    }

    /** The used index, below the ring's size, and its wrap counter. */
    int usedPosition() {
        return (int) bytes.get(ValueLayout.JAVA_LONG, POSITION) & 0xffff;
    }

    /** The id that was being given back, or -1: whether the driver has got it, the ring tells. */
    int publishing() {
        return (int) (bytes.get(ValueLayout.JAVA_LONG, POSITION) >>> PUBLISHING_SHIFT) - 1;
    }

    /** The ids of chains taken and not given back, first taken first; slots that belong to none are free then. */
    List<Integer> recover() {
        List<Integer> taken = new ArrayList<>();
        boolean[] used = new boolean[size];
        for (int id = 0; id < size; id++) {
            if (bytes.get(ValueLayout.JAVA_BYTE, chain(id)) == 0) {
                continue;
            }
            taken.add(id);
            int slot = firstSlot(id);
            for (int left = slots(id); left > 0 && slot < size; left--) {
                used[slot] = true;
                slot = next(slot);
            }
        }
        taken.sort(Comparator.comparingLong(id -> bytes.get(ValueLayout.JAVA_LONG, chain(id) + COUNTER)));
        if (!taken.isEmpty()) {
            counter = bytes.get(ValueLayout.JAVA_LONG, chain(taken.getLast()) + COUNTER) + 1;
        }
        free = 0;
        for (int slot = 0; slot < size; slot++) {
            if (!used[slot]) {
                freeSlots[free++] = slot;
            }
        }
        return taken;
    }

    int firstSlot(int id) {
        return getShort(chain(id) + FIRST_SLOT);
    }

    /** How many descriptors of the ring the chain has. */
    int slots(int id) {
        return getShort(chain(id) + SLOTS);
    }

    int next(int slot) {
        return getShort(slot(slot) + SLOT_NEXT);
    }

    long address(int slot) {
        return bytes.get(ValueLayout.JAVA_LONG, slot(slot));
    }

    long lengthBytes(int slot) {
        return Integer.toUnsignedLong(bytes.get(ValueLayout.JAVA_INT, slot(slot) + SLOT_LEN));
    }

    int flags(int slot) {
        return getShort(slot(slot) + SLOT_FLAGS);
    }

    /** Copies a descriptor of a chain that is about to be taken; {@code number} counts them from 0. */
    void copy(int number, long address, long lengthBytes, int flags) {
        // Slots of a chain come off the end of the free ones, the first one first.
        int slot = freeSlots[free - 1 - number];
        bytes.set(ValueLayout.JAVA_LONG, slot(slot), address);
        bytes.set(ValueLayout.JAVA_INT, slot(slot) + SLOT_LEN, (int) lengthBytes);
        putShort(slot(slot) + SLOT_FLAGS, flags);
    }

    /** There is a slot for one more descriptor of the chain. */
    boolean hasRoom(int number) {
        return number < free;
    }

    /** The device takes the chain whose descriptors have been copied, before it does anything for it. */
    void take(int id, int descriptors) {
        putShort(chain(id) + FIRST_SLOT, freeSlots[free - 1]);
        putShort(chain(id) + SLOTS, descriptors);
        for (int number = 0; number < descriptors - 1; number++) {
            putShort(slot(freeSlots[free - 1 - number]) + SLOT_NEXT, freeSlots[free - 2 - number]);
        }
        free -= descriptors;
        bytes.set(ValueLayout.JAVA_LONG, chain(id) + COUNTER, counter++);
        VarHandle.storeStoreFence();
        bytes.set(ValueLayout.JAVA_BYTE, chain(id), (byte) 1);
        VarHandle.storeStoreFence();
    }

    /** A chain is about to be given back at the used position, before the ring says so. */
    void publishing(int id, int usedPosition) {
        bytes.set(ValueLayout.JAVA_LONG, POSITION, usedPosition | (id + 1L) << PUBLISHING_SHIFT);
        VarHandle.storeStoreFence();
    }

    /** What was about to be given back did not reach the ring: it is still under way. */
    void unpublished(int usedPosition) {
        bytes.set(ValueLayout.JAVA_LONG, POSITION, usedPosition);
    }

    /** The ring says that the chain is given back, and the used position has moved on. */
    void published(int id, int usedPosition) {
        VarHandle.storeStoreFence();
        bytes.set(ValueLayout.JAVA_BYTE, chain(id), (byte) 0);
        VarHandle.storeStoreFence();
        bytes.set(ValueLayout.JAVA_LONG, POSITION, usedPosition);
        int slot = firstSlot(id);
        for (int left = slots(id); left > 0 && slot < size && free < size; left--) {
            freeSlots[free++] = slot;
            slot = next(slot);
        }
    }

    private static long chain(int id) {
        return CHAINS + (long) RECORD_BYTES * id;
    }

    private long slot(int slot) {
        return CHAINS + (long) RECORD_BYTES * (size + slot);
    }

    private int getShort(long at) {
        return Short.toUnsignedInt(bytes.get(ValueLayout.JAVA_SHORT, at));
    }

    private void putShort(long at, int value) {
        bytes.set(ValueLayout.JAVA_SHORT, at, (short) value);
    }
}
