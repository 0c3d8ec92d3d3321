package io.lamina.shim.ext4;

import io.lamina.images.UnsupportedImageException;

/**
 * Where everything lies: superblock and group descriptors, the bitmaps of all groups, the inode table, then what inodes
 * point to, then unused blocks up to a multiple of 512 KiB, so that a hash tree over the image ends no block too early.
 *
 * @param usedBlocks all blocks that hold something
 * @param blocks of the file system
 * @param groups of 32768 blocks, the last one perhaps short
 * @param inodesPerGroup the same for all groups
 */
record Ext4Layout(long usedBlocks, long blocks, int groups, int inodesPerGroup) {
    static final int BLOCK_BYTES = 4096;
    static final int BLOCKS_PER_GROUP = 8 * BLOCK_BYTES;
    static final int INODE_BYTES = 256;
    static final int INODES_PER_BLOCK = BLOCK_BYTES / INODE_BYTES;
    static final int ROOT_INODE = 2;

    /** Inodes below are the file system's own; kernel: fs/ext4/ext4.h, EXT4_GOOD_OLD_FIRST_INO. */
    static final int FIRST_INODE = 11;

    /** Without the feature 64bit, block numbers have 32 bits. */
    static final long MAX_BLOCKS = 0xFFFF_FFFFL;

    private static final int DESCRIPTORS_PER_BLOCK = BLOCK_BYTES / GroupTable.DESCRIPTOR_BYTES;
    private static final int ALIGNMENT_BLOCKS = 128;

    /**
     * The layout for so many inodes and blocks behind the inode table.
     *
     * @throws UnsupportedImageException if 32 bits do not number them
     */
    static Ext4Layout of(String image, int inodes, long contentBlocks) throws UnsupportedImageException {
        // A group more needs two bitmaps more, and may make each group's share of inodes smaller: settles in a few
        // rounds.
        int groups = Math.max(1, Math.ceilDiv(inodes, BLOCKS_PER_GROUP));
        while (true) {
            int inodesPerGroup = roundUp(Math.ceilDiv(inodes, groups), INODES_PER_BLOCK);
            long used = contentStart(groups, inodesPerGroup) + contentBlocks;
            // The last group must have a block of its own.
            long least = Math.max(used, (groups - 1L) * BLOCKS_PER_GROUP + 1);
            long blocks = Math.ceilDiv(least, ALIGNMENT_BLOCKS) * (long) ALIGNMENT_BLOCKS;
            if (blocks > MAX_BLOCKS) {
                throw new UnsupportedImageException(image, blocks + " blocks are more than ext4 numbers with 32 bits");
            }
            int needed = Math.toIntExact(Math.ceilDiv(blocks, BLOCKS_PER_GROUP));
            if (needed <= groups) {
                return new Ext4Layout(used, blocks, groups, inodesPerGroup);
            }
            groups = needed;
        }
    }

    private static int roundUp(int value, int unit) {
        return Math.ceilDiv(value, unit) * unit;
    }

    private static long contentStart(int groups, int inodesPerGroup) {
        return 1L
                + Math.ceilDiv(groups, DESCRIPTORS_PER_BLOCK)
                + 2L * groups
                + (long) groups * (inodesPerGroup / INODES_PER_BLOCK);
    }

    /** First block of the block bitmaps, one for each group. */
    long blockBitmaps() {
        return 1L + Math.ceilDiv(groups, DESCRIPTORS_PER_BLOCK);
    }

    /** First block of the inode bitmaps, one for each group. */
    long inodeBitmaps() {
        return blockBitmaps() + groups;
    }

    /** First block of the inode table, of all groups one after the other. */
    long inodeTable() {
        return inodeBitmaps() + groups;
    }

    /** First block behind the inode table. */
    long content() {
        return inodeTable() + (long) groups * (inodesPerGroup / INODES_PER_BLOCK);
    }

    /** Inodes that the table has room for. */
    int inodes() {
        return groups * inodesPerGroup;
    }

    /** Blocks of a group. */
    int blocksOf(int group) {
        return (int) Math.min(BLOCKS_PER_GROUP, blocks - (long) group * BLOCKS_PER_GROUP);
    }

    /** Blocks of a group that hold something: the used blocks are the first ones. */
    int usedBlocksOf(int group) {
        return Math.clamp(usedBlocks - (long) group * BLOCKS_PER_GROUP, 0, BLOCKS_PER_GROUP);
    }

    /** The size in bytes, a multiple of 512 KiB. */
    long sizeBytes() {
        return blocks * BLOCK_BYTES;
    }
}
