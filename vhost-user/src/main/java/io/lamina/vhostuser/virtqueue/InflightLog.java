package io.lamina.vhostuser.virtqueue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * Which chains of one ring the device has taken, in memory that outlives this process: section "Inflight I/O tracking"
 * of vhost-user.rst. The front-end keeps the memory and hands it to the next back-end, which then carries out again what
 * was under way.
 *
 * <pre>
 * region     = features u64, version u16, desc_num u16, last_batch_head u16, used_idx u16, descriptor[desc_num]
 * descriptor = inflight u8, u8[5], next u16, counter u64
 * </pre>
 *
 * <p>The integers have the machine's byte order. What stands there after a restart is the front-end's word: indices are
 * checked, and a wrong flag can only repeat or lose a request of this guest. The writes are ordered for a reader that
 * comes after the death of this process: memory keeps every store that was made, so only the compiler must not reorder.
 */
public final class InflightLog {
    private static final int VERSION = 8;
    private static final int DESC_NUM = 10;
    private static final int LAST_BATCH_HEAD = 12;
    private static final int USED_IDX = 14;
    private static final int DESCRIPTORS = 16;
    private static final int DESCRIPTOR_BYTES = 16;
    private static final int NEXT = 6;
    private static final int COUNTER = 8;
    private static final short CURRENT_VERSION = 1;
    private static final int ALIGNMENT_BYTES = 64;
    private static final int INDEX_MASK = 0xffff;

    private final MemorySegment bytes;
    private final int size;
    private final int[] batch;
    private int batched;
    private long counter;

    /**
     * @param bytes {@link #bytes(int)} of them, aligned to 8
     * @param size the ring's
     */
    public InflightLog(MemorySegment bytes, int size) {
        this.bytes = bytes;
        this.size = size;
        this.batch = new int[size];
    }

    /** What a ring of this size takes of a region, a multiple of 64. */
    public static long bytes(int size) {
        return (DESCRIPTORS + (long) DESCRIPTOR_BYTES * size + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
    }

    /**
     * Brings the log in line with the ring and tells what was under way.
     *
     * @param ringUsedIndex the used index in the ring
     * @return the heads of chains taken and not given back, first taken first
     */
    int[] recover(int ringUsedIndex) {
        if (getShort(VERSION) != CURRENT_VERSION || getShort(DESC_NUM) != size) {
            bytes.fill((byte) 0);
            putShort(DESC_NUM, size);
            putShort(USED_IDX, ringUsedIndex);
            VarHandle.storeStoreFence();
            putShort(VERSION, CURRENT_VERSION);
            counter = 1;
            return new int[0];
        }
        int given = (ringUsedIndex - getShort(USED_IDX)) & INDEX_MASK;
        if (given <= size) {
            // The last batch reached the ring, and then the process died before it was noted.
            int head = getShort(LAST_BATCH_HEAD);
            for (int i = 0; i < given && head < size; i++) {
                setInflight(head, false);
                head = getShort(descriptor(head) + NEXT);
            }
        }
        putShort(USED_IDX, ringUsedIndex);
        int[] heads = new int[size];
        long[] counters = new long[size];
        int count = 0;
        long last = 0;
        for (int head = 0; head < size; head++) {
            if (bytes.get(ValueLayout.JAVA_BYTE, descriptor(head)) != 0) {
                heads[count++] = head;
                counters[head] = bytes.get(ValueLayout.JAVA_LONG, descriptor(head) + COUNTER);
                last = Math.max(last, counters[head]);
            }
        }
        counter = last + 1;
        return Arrays.stream(heads, 0, count)
                .boxed()
                .sorted((a, b) -> Long.compare(counters[a], counters[b]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** The device takes a chain, before it does anything for it. */
    void take(int head) {
        bytes.set(ValueLayout.JAVA_LONG, descriptor(head) + COUNTER, counter++);
        VarHandle.storeStoreFence();
        setInflight(head, true);
        VarHandle.storeStoreFence();
    }

    /** A chain is about to be given back: noted before the ring says so. */
    void completing(int head) {
        putShort(descriptor(head) + NEXT, getShort(LAST_BATCH_HEAD));
        VarHandle.storeStoreFence();
        putShort(LAST_BATCH_HEAD, head);
        batch[batched++] = head;
    }

    /** The ring says that the batch is given back. */
    void published(int ringUsedIndex) {
        VarHandle.storeStoreFence();
        for (int i = 0; i < batched; i++) {
            setInflight(batch[i], false);
        }
        batched = 0;
        VarHandle.storeStoreFence();
        putShort(USED_IDX, ringUsedIndex);
    }

    private static long descriptor(int head) {
        return DESCRIPTORS + (long) DESCRIPTOR_BYTES * head;
    }

    private void setInflight(int head, boolean taken) {
        bytes.set(ValueLayout.JAVA_BYTE, descriptor(head), (byte) (taken ? 1 : 0));
    }

    private int getShort(long at) {
        return Short.toUnsignedInt(bytes.get(ValueLayout.JAVA_SHORT, at));
    }

    private void putShort(long at, int value) {
        bytes.set(ValueLayout.JAVA_SHORT, at, (short) value);
    }
}
