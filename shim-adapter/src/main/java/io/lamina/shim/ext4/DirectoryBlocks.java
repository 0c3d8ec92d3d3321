package io.lamina.shim.ext4;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * The blocks of a directory
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/ext4.h">struct ext4_dir_entry_2</a>), a plain list
 * without a hash index.
 */
final class DirectoryBlocks {
    private static final int HEADER_BYTES = 8;
    private static final byte[] SELF = {'.'};
    private static final byte[] PARENT = {'.', '.'};

    private DirectoryBlocks() {}

    /** A name in a directory. */
    static final class Entry {
        private final byte[] name;
        private final Node node;

        /**
         * @param name 1 to 255 bytes, kept and not copied
         * @param node what it names
         */
        Entry(byte[] name, Node node) {
            this.name = name;
            this.node = node;
        }
    }

    /** How many blocks the directory needs. */
    static long count(List<Entry> entries) {
        long blocks = 1;
        int room = Ext4Layout.BLOCK_BYTES - bytes(SELF) - bytes(PARENT);
        for (Entry entry : entries) {
            int length = bytes(entry.name);
            if (length > room) {
                blocks++;
                room = Ext4Layout.BLOCK_BYTES;
            }
            room -= length;
        }
        return blocks;
    }

    /** The blocks of {@code directory}, whose parent is {@code parent}. */
    static ByteBuffer write(Node directory, Node parent) {
        long blocks = count(directory.entries());
        ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(blocks * Ext4Layout.BLOCK_BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        put(content, new Entry(SELF, directory));
        int last = put(content, new Entry(PARENT, parent));
        for (Entry entry : directory.entries()) {
            int room = Ext4Layout.BLOCK_BYTES - content.position() % Ext4Layout.BLOCK_BYTES;
            boolean atBlockStart = content.position() % Ext4Layout.BLOCK_BYTES == 0;
            if (bytes(entry.name) > room && !atBlockStart) {
                endBlock(content, last);
            }
            last = put(content, entry);
        }
        endBlock(content, last);
        return content.rewind();
    }

    private static int put(ByteBuffer content, Entry entry) {
        int start = content.position();
        content.putInt(entry.node.number())
                .putShort((short) bytes(entry.name))
                .put((byte) entry.name.length)
                .put((byte) entry.node.fileTypeCode())
                .put(entry.name)
                .position(start + bytes(entry.name));
        return start;
    }

    /** The last entry of a block reaches to the block's end. */
    private static void endBlock(ByteBuffer content, int last) {
        int end = Math.ceilDiv(content.position(), Ext4Layout.BLOCK_BYTES) * Ext4Layout.BLOCK_BYTES;
        content.putShort(last + Integer.BYTES, (short) (end - last));
        content.position(end);
    }

    private static int bytes(byte[] name) {
        return (HEADER_BYTES + name.length + 3) & ~3;
    }
}
