package io.lamina.shim.ext4;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * How an inode finds its blocks
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/ext4_extents.h">ext4_extents.h</a>): up to four extents
 * within the inode, or a tree of index blocks over leaves.
 */
final class ExtentTree {
    /** Room for the root in an inode, {@code i_block}. */
    static final int ROOT_BYTES = 60;

    /** Blocks of one extent. */
    static final int MAX_EXTENT_BLOCKS = 32768;

    private static final int MAGIC = 0xF30A;
    private static final int HEADER_BYTES = 12;
    private static final int ENTRY_BYTES = 12;
    private static final int ROOT_ENTRIES = (ROOT_BYTES - HEADER_BYTES) / ENTRY_BYTES;
    private static final int BLOCK_ENTRIES = (Ext4Layout.BLOCK_BYTES - HEADER_BYTES) / ENTRY_BYTES;

    private ExtentTree() {}

    /**
     * Blocks of a file that lie together.
     *
     * @param fileBlock the first one's number in the file
     * @param blocks how many
     * @param startBlock where the first one lies
     */
    record Mapping(long fileBlock, long blocks, long startBlock) {}

    /** An entry of any level: an extent, or the address of a block of them. */
    private record Entry(long fileBlock, int blocks, long startBlock) {}

    /** Blocks that the tree needs beside the inode. */
    static long treeBlocks(List<Mapping> mappings) {
        long entries = entries(mappings).size();
        long sum = 0;
        while (entries > ROOT_ENTRIES) {
            entries = Math.ceilDiv(entries, BLOCK_ENTRIES);
            sum += entries;
        }
        return sum;
    }

    /**
     * Writes the tree.
     *
     * @param root takes {@link #ROOT_BYTES}
     * @param treeStart where {@link #treeBlocks} blocks are free for it
     * @param out takes each of those blocks
     */
    static void write(List<Mapping> mappings, ByteBuffer root, long treeStart, BlockOutput out) throws IOException {
        List<Entry> level = entries(mappings);
        int depth = 0;
        long next = treeStart;
        while (level.size() > ROOT_ENTRIES) {
            List<Entry> above = new ArrayList<>();
            for (int at = 0; at < level.size(); at += BLOCK_ENTRIES) {
                List<Entry> node = level.subList(at, Math.min(at + BLOCK_ENTRIES, level.size()));
                ByteBuffer block = ByteBuffer.allocate(Ext4Layout.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
                node(block, node, BLOCK_ENTRIES, depth);
                out.put(next, block.rewind());
                above.add(new Entry(node.getFirst().fileBlock, 0, next));
                next++;
            }
            level = above;
            depth++;
        }
        node(root, level, ROOT_ENTRIES, depth);
    }

    private static void node(ByteBuffer into, List<Entry> entries, int room, int depth) {
        into.putShort((short) MAGIC)
                .putShort((short) entries.size())
                .putShort((short) room)
                .putShort((short) depth)
                .putInt(0);
        for (Entry entry : entries) {
            into.putInt((int) entry.fileBlock);
            if (depth == 0) {
                into.putShort((short) entry.blocks)
                        .putShort((short) (entry.startBlock >>> 32))
                        .putInt((int) entry.startBlock);
            } else {
                into.putInt((int) entry.startBlock)
                        .putShort((short) (entry.startBlock >>> 32))
                        .putShort((short) 0);
            }
        }
    }

    private static List<Entry> entries(List<Mapping> mappings) {
        List<Entry> entries = new ArrayList<>();
        for (Mapping mapping : mappings) {
            for (long at = 0; at < mapping.blocks; at += MAX_EXTENT_BLOCKS) {
                int blocks = (int) Math.min(MAX_EXTENT_BLOCKS, mapping.blocks - at);
                entries.add(new Entry(mapping.fileBlock + at, blocks, mapping.startBlock + at));
            }
        }
        return entries;
    }
}
