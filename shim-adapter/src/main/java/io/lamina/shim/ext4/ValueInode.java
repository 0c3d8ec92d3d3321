package io.lamina.shim.ext4;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * An attribute's value in an inode of its own, which all attributes of that value share (feature {@code ea_inode};
 * <a href="https://github.com/torvalds/linux/blob/v6.18/fs/ext4/xattr.c">ext4_xattr_inode_lookup_create</a>).
 */
final class ValueInode {
    private final byte[] value;
    private final int hash;
    private int number;
    private int references;
    private long startBlock;

    /** @param uuid the file system's, with which the kernel's checksum of a value starts */
    ValueInode(byte[] value, byte[] uuid) {
        this.value = value;
        CRC32C checksum = new CRC32C();
        checksum.update(uuid);
        checksum.update(value);
        // The kernel's crc32c leaves out the last step of the usual one, the complement.
        this.hash = ~(int) checksum.getValue();
    }

    /** The value; not to be changed. */
    byte[] value() {
        return value;
    }

    /** Of the value, which stands where other inodes have the time of the last access. */
    int hash() {
        return hash;
    }

    int number() {
        return number;
    }

    void numbered(int inodeNumber) {
        number = inodeNumber;
    }

    /** How many attributes have this value. */
    int references() {
        return references;
    }

    /** Counts one more attribute. */
    void share() {
        references++;
    }

    long startBlock() {
        return startBlock;
    }

    void placed(long block) {
        startBlock = block;
    }

    int blocks() {
        return Math.ceilDiv(value.length, Ext4Layout.BLOCK_BYTES);
    }

    /** The value in whole blocks. */
    ByteBuffer content() {
        return ByteBuffer.allocate(blocks() * Ext4Layout.BLOCK_BYTES).put(value).rewind();
    }
}
