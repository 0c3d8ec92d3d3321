package io.lamina.images.erofs;

/**
 * The address of one chunk, 8 bytes
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_inode_chunk_index</a>), kept
 * in memory as the little-endian number that the disk holds: the start block's bits 32 to 47, 16 bits device id, and the
 * start block's bits 0 to 31. Those above 31 are zero in images that are written here.
 */
public final class ChunkIndex {
    /** Size on disk. */
    public static final int BYTES = 8;

    /** A chunk without a block, which reads as zeroes. */
    public static final long HOLE = 0xFFFF_FFFF_0000_0000L;

    /** In an inode's address: log2 of the chunk size in blocks. */
    static final int FORMAT_BITS_MASK = 0x1F;
    /** In an inode's address: addresses are indexes of 8 bytes, not block numbers of 4. */
    static final int FORMAT_INDEXES = 0x20;
    /** In an inode's address: indexes have the upper bits of the block number. */
    static final int FORMAT_48BIT = 0x40;

    /** The largest chunk is 2^31 blocks. */
    public static final int MAX_CHUNK_BLOCK_BITS = 31;

    private static final int DEVICE_SHIFT = 16;
    private static final int BLOCK_SHIFT = 32;

    private ChunkIndex() {}

    /** The index of a chunk that starts at {@code block} of device {@code deviceId}. */
    public static long of(int deviceId, long block) {
        return block << BLOCK_SHIFT | (long) deviceId << DEVICE_SHIFT;
    }

    /** Whether the chunk has no block. */
    public static boolean isHole(long index) {
        return startBlock(index) == 0xFFFF_FFFFL;
    }

    /** The chunk's first block, within its device. */
    public static long startBlock(long index) {
        return index >>> BLOCK_SHIFT | (index & 0xFFFF) << Integer.SIZE;
    }

    /** The device, 0 for the primary. */
    public static int deviceId(long index) {
        return (int) (index >>> DEVICE_SHIFT) & 0xFFFF;
    }

    /** log2 of the number of blocks in the least chunk that holds {@code sizeBytes}. */
    public static int chunkBlockBitsFor(long sizeBytes, int blockBits) {
        long blocks = Math.max(1, -Math.floorDiv(-sizeBytes, 1L << blockBits));
        return Long.SIZE - Long.numberOfLeadingZeros(blocks - 1);
    }
}
