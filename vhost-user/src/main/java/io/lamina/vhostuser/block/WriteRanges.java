package io.lamina.vhostuser.block;

/**
 * Ranges that a discard or write-zeroes request names, {@code struct virtio_blk_discard_write_zeroes}: sector u64,
 * number of sectors u32, flags u32.
 */
final class WriteRanges {
    static final int BYTES = 16;
    static final int NUM_SECTORS = 8;
    static final int FLAGS = 12;

    /** The range may become a hole. */
    static final int FLAG_UNMAP = 1;

    /** One request names at most this many ranges. */
    static final int MAX_RANGES = 16;

    /** One range has at most this many sectors: 1 GiB, which a file system zeroes in one call. */
    static final int MAX_SECTORS = 1 << 21;

    private WriteRanges() {}
}
