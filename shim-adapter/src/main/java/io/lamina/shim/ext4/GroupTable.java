package io.lamina.shim.ext4;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.BitSet;

/**
 * Group descriptors (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/ext4.h">struct ext4_group_desc</a>,
 * 32 bytes) and the bitmaps that they name.
 */
final class GroupTable {
    static final int DESCRIPTOR_BYTES = 32;

    private static final int BLOCK_BITMAP = 0;
    private static final int INODE_BITMAP = 4;
    private static final int INODE_TABLE = 8;
    private static final int FREE_BLOCKS = 12;
    private static final int FREE_INODES = 14;
    private static final int USED_DIRECTORIES = 16;

    private GroupTable() {}

    /**
     * Descriptors in whole blocks.
     *
     * @param usedInodes numbers 1 to this are used
     * @param directories the inode numbers of directories
     */
    static ByteBuffer descriptors(Ext4Layout layout, int usedInodes, BitSet directories) {
        int blocks = (int) (layout.blockBitmaps() - 1);
        ByteBuffer table = ByteBuffer.allocate(blocks * Ext4Layout.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        long inodeBlocks = layout.inodesPerGroup() / Ext4Layout.INODES_PER_BLOCK;
        for (int group = 0; group < layout.groups(); group++) {
            int at = group * DESCRIPTOR_BYTES;
            int firstInode = group * layout.inodesPerGroup() + 1;
            table.putInt(at + BLOCK_BITMAP, (int) (layout.blockBitmaps() + group));
            table.putInt(at + INODE_BITMAP, (int) (layout.inodeBitmaps() + group));
            table.putInt(at + INODE_TABLE, (int) (layout.inodeTable() + group * inodeBlocks));
            table.putShort(at + FREE_BLOCKS, (short) (layout.blocksOf(group) - layout.usedBlocksOf(group)));
            table.putShort(at + FREE_INODES, (short) (layout.inodesPerGroup() - usedOf(layout, group, usedInodes)));
            table.putShort(at + USED_DIRECTORIES, (short) directories
                    .get(firstInode, firstInode + layout.inodesPerGroup())
                    .cardinality());
        }
        return table;
    }

    /** The block bitmaps of all groups; blocks behind the end count as used. */
    static ByteBuffer blockBitmaps(Ext4Layout layout) {
        ByteBuffer bitmaps = ByteBuffer.allocate(layout.groups() * Ext4Layout.BLOCK_BYTES);
        for (int group = 0; group < layout.groups(); group++) {
            fill(bitmaps, group, layout.usedBlocksOf(group), layout.blocksOf(group));
        }
        return bitmaps;
    }

    /** The inode bitmaps of all groups. */
    static ByteBuffer inodeBitmaps(Ext4Layout layout, int usedInodes) {
        ByteBuffer bitmaps = ByteBuffer.allocate(layout.groups() * Ext4Layout.BLOCK_BYTES);
        for (int group = 0; group < layout.groups(); group++) {
            fill(bitmaps, group, usedOf(layout, group, usedInodes), layout.inodesPerGroup());
        }
        return bitmaps;
    }

    private static int usedOf(Ext4Layout layout, int group, int usedInodes) {
        return Math.clamp(usedInodes - (long) group * layout.inodesPerGroup(), 0, layout.inodesPerGroup());
    }

    /** Sets the first {@code used} bits of a bitmap, and all from {@code end} on. */
    private static void fill(ByteBuffer bitmaps, int group, int used, int end) {
        BitSet bits = new BitSet(Ext4Layout.BLOCKS_PER_GROUP);
        bits.set(0, used);
        bits.set(end, Ext4Layout.BLOCKS_PER_GROUP);
        bitmaps.put(group * Ext4Layout.BLOCK_BYTES, bits.toByteArray());
    }
}
