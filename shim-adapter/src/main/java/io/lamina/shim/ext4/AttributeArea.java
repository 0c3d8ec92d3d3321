package io.lamina.shim.ext4;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Attributes behind an inode's fields, or in a block of their own
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/xattr.h">fs/ext4/xattr.h</a>). Entries grow from the
 * start, values from the end.
 */
final class AttributeArea {
    /** Most inodes that may share a block: EXT4_XATTR_REFCOUNT_MAX. */
    static final int MAX_REFERENCES = 1024;

    private static final int MAGIC = 0xEA02_0000;
    private static final int INODE_HEADER_BYTES = 4;
    private static final int BLOCK_HEADER_BYTES = 32;
    private static final int END_BYTES = 4;

    private AttributeArea() {}

    static boolean fitsInode(List<Attribute> attributes) {
        return bytes(attributes) + INODE_HEADER_BYTES + END_BYTES <= InodeWriter.ATTRIBUTE_BYTES;
    }

    static boolean fitsBlock(List<Attribute> attributes) {
        return bytes(attributes) + BLOCK_HEADER_BYTES + END_BYTES <= Ext4Layout.BLOCK_BYTES;
    }

    private static long bytes(List<Attribute> attributes) {
        return attributes.stream()
                .mapToLong(attribute -> attribute.entryBytes() + (long) attribute.valueBytes())
                .sum();
    }

    /** Writes into the free part of an inode, from {@code into}'s position to its limit. */
    static void writeInode(List<Attribute> attributes, ByteBuffer into) {
        into.putInt(MAGIC);
        ByteBuffer area = into.slice().order(ByteOrder.LITTLE_ENDIAN);
        write(attributes, area, 0);
    }

    /**
     * A block of attributes.
     *
     * @param sorted in the kernel's order
     * @param references inodes that point to it
     */
    static ByteBuffer block(List<Attribute> sorted, int references) {
        ByteBuffer block = ByteBuffer.allocate(Ext4Layout.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        int hash = 0;
        for (Attribute attribute : sorted) {
            hash = Integer.rotateLeft(hash, 16) ^ attribute.hash();
        }
        block.putInt(MAGIC).putInt(references).putInt(1).putInt(hash);
        write(sorted, block, BLOCK_HEADER_BYTES);
        return block.rewind();
    }

    /** Values are addressed from the start of {@code area}; entries start at {@code entries}. */
    private static void write(List<Attribute> attributes, ByteBuffer area, int entries) {
        int at = entries;
        int value = area.limit();
        for (Attribute attribute : attributes) {
            value -= attribute.valueBytes();
            area.put(at, (byte) attribute.name().length);
            area.put(at + 1, (byte) attribute.index());
            ValueInode inode = attribute.inode();
            if (inode == null) {
                area.putShort(at + 2, (short) (attribute.value().length == 0 ? 0 : value));
                area.put(value, attribute.value());
            } else {
                area.putInt(at + 4, inode.number());
            }
            area.putInt(at + 8, attribute.value().length);
            area.putInt(at + 12, attribute.hash());
            area.put(at + Attribute.ENTRY_HEADER_BYTES, attribute.name());
            at += attribute.entryBytes();
        }
    }
}
