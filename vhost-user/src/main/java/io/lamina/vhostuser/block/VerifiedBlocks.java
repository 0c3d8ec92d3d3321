package io.lamina.vhostuser.block;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Which blocks of a device were found right already, one bit each: for a host that checks a block once. Any number of threads;
 * a bit that one has set another may see late, and then checks the block again, which does no harm.
 */
final class VerifiedBlocks {
    private final AtomicLongArray bits;
    private final long blocks;

    /**
     * None is verified yet.
     *
     * @param blocks number of blocks; an eighth as many bytes are taken
     */
    VerifiedBlocks(long blocks) {
        this.blocks = blocks;
        this.bits = new AtomicLongArray(Math.toIntExact(Math.ceilDiv(blocks, Long.SIZE)));
    }

    /** Whether all of {@code count} blocks from {@code firstBlock} on are verified. */
    boolean contains(long firstBlock, long count) {
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
    void add(long firstBlock, long count) {
        check(firstBlock, count);
        for (long block = firstBlock; block < firstBlock + count; ) {
            bits.accumulateAndGet(word(block), mask(block, firstBlock + count), (old, more) -> old | more);
            block = (block / Long.SIZE + 1) * Long.SIZE;
        }
    }

    private void check(long firstBlock, long count) {
        if (firstBlock < 0 || count < 0 || count > blocks - firstBlock) {
            throw new IndexOutOfBoundsException(count + " blocks from " + firstBlock + " on, of " + blocks);
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
