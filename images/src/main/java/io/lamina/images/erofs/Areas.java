package io.lamina.images.erofs;

/**
 * Where the parts of an image lie.
 *
 * @param blockBits log2 of the block size in bytes
 * @param blocks blocks of the primary device
 * @param metaBlock the block from which node ids count, {@value Inode#NID_BYTES} bytes each
 * @param xattrBlock the block from which shared attributes count
 */
public record Areas(int blockBits, long blocks, long metaBlock, long xattrBlock) {
    /** Bytes of a block. */
    public int blockSizeBytes() {
        return 1 << blockBits;
    }

    /** Bytes of the primary device. */
    public long lengthBytes() {
        return blocks << blockBits;
    }
}
