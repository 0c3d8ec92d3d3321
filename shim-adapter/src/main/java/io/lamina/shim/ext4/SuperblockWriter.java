package io.lamina.shim.ext4;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The superblock (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/ext4.h">struct ext4_super_block</a>), at
 * byte 1024 of the image. No journal, no backup copies, and the feature that keeps a kernel from mounting it writable.
 */
final class SuperblockWriter {
    static final int START_BYTE = 1024;
    static final int BYTES = 1024;
    static final int MAGIC = 0xEF53;

    private static final int INODES_COUNT = 0;
    private static final int BLOCKS_COUNT = 4;
    private static final int FREE_BLOCKS_COUNT = 12;
    private static final int FREE_INODES_COUNT = 16;
    private static final int LOG_BLOCK_SIZE = 24;
    private static final int LOG_CLUSTER_SIZE = 28;
    private static final int BLOCKS_PER_GROUP = 32;
    private static final int CLUSTERS_PER_GROUP = 36;
    private static final int INODES_PER_GROUP = 40;
    private static final int MAX_MOUNT_COUNT = 54;
    private static final int MAGIC_NUMBER = 56;
    private static final int STATE = 58;
    private static final int ERRORS = 60;
    private static final int REVISION = 76;
    private static final int FIRST_INODE = 84;
    private static final int INODE_SIZE = 88;
    private static final int COMPATIBLE = 92;
    private static final int INCOMPATIBLE = 96;
    private static final int READ_ONLY_COMPATIBLE = 100;
    private static final int UUID = 104;
    private static final int UUID_BYTES = 16;
    private static final int HASH_SEED = 236;
    private static final int HASH_VERSION = 252;
    private static final int DEFAULT_MOUNT_OPTIONS = 256;
    private static final int MIN_EXTRA_INODE_SIZE = 348;
    private static final int WANT_EXTRA_INODE_SIZE = 350;
    private static final int FLAGS = 352;
    private static final int LOG_GROUPS_PER_FLEX = 372;

    private static final int CLEAN = 1;
    private static final int ERRORS_CONTINUE = 1;
    private static final int REVISION_DYNAMIC = 1;
    private static final int HASH_HALF_MD4 = 1;
    private static final int FLAG_UNSIGNED_HASH = 2;
    private static final int MOUNT_XATTR_AND_ACL = 0x4 | 0x8;

    private static final int COMPAT_EXT_ATTR = 0x8;
    private static final int COMPAT_SPARSE_SUPER2 = 0x200;
    private static final int INCOMPAT_FILETYPE = 0x2;
    private static final int INCOMPAT_EXTENTS = 0x40;
    private static final int INCOMPAT_FLEX_BG = 0x200;
    private static final int INCOMPAT_EA_INODE = 0x400;
    private static final int RO_LARGE_FILE = 0x2;
    private static final int RO_HUGE_FILE = 0x8;
    private static final int RO_DIR_NLINK = 0x20;
    private static final int RO_EXTRA_ISIZE = 0x40;
    private static final int RO_READONLY = 0x1000;

    /** All groups' tables lie together; the largest shift that kernels take. */
    private static final int ALL_GROUPS = 31;

    private SuperblockWriter() {}

    /**
     * The superblock's bytes.
     *
     * @param tree what the file system holds
     * @param identity what UUID and hash seed, which other programs draw by chance, are made of
     */
    static ByteBuffer of(Ext4Layout layout, TreeScan.Tree tree, Digest identity) {
        ByteBuffer block = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        block.putInt(INODES_COUNT, layout.inodes());
        block.putInt(BLOCKS_COUNT, (int) layout.blocks());
        block.putInt(FREE_BLOCKS_COUNT, (int) (layout.blocks() - layout.usedBlocks()));
        block.putInt(FREE_INODES_COUNT, layout.inodes() - tree.usedInodes());
        block.putInt(LOG_BLOCK_SIZE, 2);
        block.putInt(LOG_CLUSTER_SIZE, 2);
        block.putInt(BLOCKS_PER_GROUP, Ext4Layout.BLOCKS_PER_GROUP);
        block.putInt(CLUSTERS_PER_GROUP, Ext4Layout.BLOCKS_PER_GROUP);
        block.putInt(INODES_PER_GROUP, layout.inodesPerGroup());
        block.putShort(MAX_MOUNT_COUNT, (short) -1);
        block.putShort(MAGIC_NUMBER, (short) MAGIC);
        block.putShort(STATE, (short) CLEAN);
        block.putShort(ERRORS, (short) ERRORS_CONTINUE);
        block.putInt(REVISION, REVISION_DYNAMIC);
        block.putInt(FIRST_INODE, Ext4Layout.FIRST_INODE);
        block.putShort(INODE_SIZE, (short) Ext4Layout.INODE_BYTES);
        block.putInt(COMPATIBLE, COMPAT_EXT_ATTR | COMPAT_SPARSE_SUPER2);
        block.putInt(
                INCOMPATIBLE,
                INCOMPAT_FILETYPE
                        | INCOMPAT_EXTENTS
                        | INCOMPAT_FLEX_BG
                        | (tree.values().isEmpty() ? 0 : INCOMPAT_EA_INODE));
        block.putInt(READ_ONLY_COMPATIBLE, RO_LARGE_FILE | RO_HUGE_FILE | RO_DIR_NLINK | RO_EXTRA_ISIZE | RO_READONLY);
        block.put(UUID, uuid(identity));
        block.put(HASH_SEED, identity.bytes(), UUID_BYTES, UUID_BYTES);
        block.put(HASH_VERSION, (byte) HASH_HALF_MD4);
        block.putInt(DEFAULT_MOUNT_OPTIONS, MOUNT_XATTR_AND_ACL);
        block.putShort(MIN_EXTRA_INODE_SIZE, (short) InodeWriter.EXTRA_BYTES);
        block.putShort(WANT_EXTRA_INODE_SIZE, (short) InodeWriter.EXTRA_BYTES);
        block.putInt(FLAGS, FLAG_UNSIGNED_HASH);
        block.put(LOG_GROUPS_PER_FLEX, (byte) ALL_GROUPS);
        return block;
    }

    /** The file system's UUID. */
    static byte[] uuid(Digest identity) {
        return ByteBuffer.allocate(UUID_BYTES)
                .putLong(identity.uuid().getMostSignificantBits())
                .putLong(identity.uuid().getLeastSignificantBits())
                .array();
    }
}
