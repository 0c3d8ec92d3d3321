package io.lamina.shim.ext4;

import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Timestamp;
import io.lamina.shim.ext4.ExtentTree.Mapping;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * An inode of 256 bytes
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/ext4.h">struct ext4_inode</a>).
 */
final class InodeWriter {
    /** Fields behind the first 128 bytes. */
    static final int EXTRA_BYTES = 32;

    /** Room for attributes behind them. */
    static final int ATTRIBUTE_BYTES = Ext4Layout.INODE_BYTES - 128 - EXTRA_BYTES;

    /** EXT4_LINK_MAX. */
    static final int MAX_LINKS = 65_000;

    /** The longest target that lies in the inode. */
    static final int MAX_INLINE_TARGET_BYTES = ExtentTree.ROOT_BYTES - 1;

    private static final int MODE = 0;
    private static final int UID = 2;
    private static final int SIZE = 4;
    private static final int ATIME = 8;
    private static final int CTIME = 12;
    private static final int MTIME = 16;
    private static final int GID = 24;
    private static final int LINKS = 26;
    private static final int SECTORS = 28;
    private static final int FLAGS = 32;
    private static final int VERSION = 36;
    private static final int BLOCK = 40;
    private static final int FILE_ACL = 104;
    private static final int SIZE_HIGH = 108;
    private static final int SECTORS_HIGH = 116;
    private static final int FILE_ACL_HIGH = 118;
    private static final int UID_HIGH = 120;
    private static final int GID_HIGH = 122;
    private static final int EXTRA_SIZE = 128;
    private static final int CTIME_EXTRA = 132;
    private static final int MTIME_EXTRA = 136;
    private static final int ATIME_EXTRA = 140;
    private static final int CRTIME = 144;
    private static final int CRTIME_EXTRA = 148;
    private static final int ATTRIBUTES = 128 + EXTRA_BYTES;

    private static final int FLAG_EXTENTS = 0x8_0000;
    private static final int FLAG_VALUE = 0x20_0000;
    private static final int VALUE_MODE = 0100600;
    private static final int SECTORS_PER_BLOCK = Ext4Layout.BLOCK_BYTES / 512;

    /** Seconds are 32 signed bits and two more: 1901-12-13 to 2446-05-10. */
    private static final long MIN_SECONDS = Integer.MIN_VALUE;

    private static final long MAX_SECONDS = 0x3_7FFF_FFFFL;

    private InodeWriter() {}

    /**
     * Writes {@code node}'s inode.
     *
     * @param inode 256 zero bytes, little-endian
     * @param sizeBytes of its contents
     * @param out takes the blocks of its extent tree
     */
    static void write(Node node, ByteBuffer inode, long sizeBytes, BlockOutput out) throws IOException {
        int uid = node.inode().owner().uid();
        int gid = node.inode().owner().gid();
        long sectors = node.blocks() * SECTORS_PER_BLOCK;
        inode.putShort(MODE, (short) node.inode().mode());
        inode.putShort(UID, (short) uid);
        inode.putInt(SIZE, (int) sizeBytes);
        inode.putShort(GID, (short) gid);
        inode.putShort(LINKS, (short) node.links());
        inode.putInt(SECTORS, (int) sectors);
        inode.putInt(SIZE_HIGH, (int) (sizeBytes >>> 32));
        inode.putShort(SECTORS_HIGH, (short) (sectors >>> 32));
        inode.putShort(UID_HIGH, (short) (uid >>> 16));
        inode.putShort(GID_HIGH, (short) (gid >>> 16));
        inode.putShort(EXTRA_SIZE, (short) EXTRA_BYTES);
        times(inode, node.inode().mtime());
        attributes(node, inode);
        contents(node, inode, out);
    }

    /**
     * Writes the inode of an attribute's value, whose references stand where other inodes have their version.
     *
     * @param inode 256 zero bytes, little-endian
     */
    static void write(ValueInode value, ByteBuffer inode, BlockOutput out) throws IOException {
        inode.putShort(MODE, (short) VALUE_MODE);
        inode.putInt(SIZE, value.value().length);
        inode.putInt(ATIME, value.hash());
        inode.putShort(LINKS, (short) 1);
        inode.putInt(SECTORS, value.blocks() * SECTORS_PER_BLOCK);
        inode.putInt(FLAGS, FLAG_EXTENTS | FLAG_VALUE);
        inode.putInt(VERSION, value.references());
        inode.putShort(EXTRA_SIZE, (short) EXTRA_BYTES);
        ByteBuffer root = inode.slice(BLOCK, ExtentTree.ROOT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        ExtentTree.write(List.of(new Mapping(0, value.blocks(), value.startBlock())), root, 0, out);
    }

    private static void times(ByteBuffer inode, Timestamp mtime) {
        long seconds = Math.clamp(mtime.seconds(), MIN_SECONDS, MAX_SECONDS);
        int low = (int) seconds;
        int extra = mtime.nanos() << 2 | (int) (((seconds - low) >> 32) & 3);
        for (int at : new int[] {ATIME, CTIME, MTIME, CRTIME}) {
            inode.putInt(at, low);
        }
        for (int at : new int[] {ATIME_EXTRA, CTIME_EXTRA, MTIME_EXTRA, CRTIME_EXTRA}) {
            inode.putInt(at, extra);
        }
    }

    private static void attributes(Node node, ByteBuffer inode) {
        Node.SharedBlock block = node.attributeBlock();
        if (block != null) {
            inode.putInt(FILE_ACL, (int) block.block());
            inode.putShort(FILE_ACL_HIGH, (short) (block.block() >>> 32));
        } else if (!node.attributes().isEmpty()) {
            ByteBuffer rest = inode.slice(ATTRIBUTES, ATTRIBUTE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            AttributeArea.writeInode(node.attributes(), rest);
        }
    }

    private static void contents(Node node, ByteBuffer inode, BlockOutput out) throws IOException {
        switch (node.type()) {
            case CHARACTER_DEVICE, BLOCK_DEVICE ->
                device(inode, node.inode().data().address());
            case FIFO, SOCKET -> {}
            case SYMLINK, REGULAR, DIRECTORY -> {
                if (node.type() == FileType.SYMLINK && node.target().length <= MAX_INLINE_TARGET_BYTES) {
                    inode.put(BLOCK, node.target());
                    return;
                }
                inode.putInt(FLAGS, FLAG_EXTENTS);
                ByteBuffer root = inode.slice(BLOCK, ExtentTree.ROOT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
                ExtentTree.write(node.mappings(), root, node.treeStart(), out);
            }
        }
    }

    /** The old 16-bit form where it holds both numbers, else the new one in the second word. */
    private static void device(ByteBuffer inode, int number) {
        int major = (number >>> 8) & 0xfff;
        int minor = (number & 0xff) | ((number >>> 12) & ~0xff);
        if (major < 256 && minor < 256) {
            inode.putInt(BLOCK, major << 8 | minor);
        } else {
            inode.putInt(BLOCK + Integer.BYTES, number);
        }
    }
}
