package io.lamina.images.verity;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Which data blocks were found right already, one bit each: for a host that checks a block once. Any number of threads;
 * a bit that one has set another may see late, and then checks the block again, which does no harm.
 */
public final class VerifiedBlocks {
    private final AtomicLongArray bits;
    private final long dataBlocks;

    /**
     * None is verified yet.
     *
     * @param dataBlocks number of data blocks; an eighth as many bytes are taken
     */
    public VerifiedBlocks(long dataBlocks) {
        this.dataBlocks = dataBlocks;
        this.bits = new AtomicLongArray(Math.toIntExact(Math.ceilDiv(dataBlocks, Long.SIZE)));
    }

    /** Whether all of {@code count} blocks from {@code firstBlock} on are verified. */
    public boolean contains(long firstBlock, int count) {
        check(firstBlock, count);
        for (long block = firstBlock; block < firstBlock + count; ) {
            long mask = mask(block, firstBlock + count);
            if ((bits.getAcquire(word(block)) & mask) != mask) {
                return false;
            }
            block = (block / Long.SIZE + 1) * Long.SIZE;
        }
        return true;
    }

    /** Notes that {@code count} blocks from {@code firstBlock} on are verified. */
    public void add(long firstBlock, int count) {
        check(firstBlock, count);
        for (long block = firstBlock; block < firstBlock + count; ) {
            bits.accumulateAndGet(word(block), mask(block, firstBlock + count), (old, more) -> old | more);
            block = (block / Long.SIZE + 1) * Long.SIZE;
        }
    }

    private void check(long firstBlock, int count) {
        if (firstBlock < 0 || count < 0 || count > dataBlocks - firstBlock) {
            throw new IndexOutOfBoundsException(count + " blocks from " + firstBlock + " on, of " + dataBlocks);
        }
    }

    private static int word(long block) {
        return (int) (block / Long.SIZE);
    }

    /** The bits of {@code block}'s word from {@code block} on, up to {@code end} if that lies within the word. */
    private static long mask(long block, long end) {
        long mask = -1L << block;
        long wordEnd = (block / Long.SIZE + 1) * Long.SIZE;
        return end >= wordEnd ? mask : mask & ~(-1L << end);
    }
}
