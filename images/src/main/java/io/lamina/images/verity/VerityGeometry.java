package io.lamina.images.verity;

/**
 * The shape of a dm-verity tree, format 1 with sha256 (kernel: drivers/md/dm-verity-target.c; cryptsetup: docs/on-disk-format).
 * A hash covers the salt and then one block; the salt is 32 zero bytes, as hcsshim and Kata use it.
 *
 * @param dataBlockSizeBytes bytes of a data block: 4096, or 512 for a device whose layers are all tar-index
 * @param hashBlockSizeBytes bytes of a hash block
 */
public record VerityGeometry(int dataBlockSizeBytes, int hashBlockSizeBytes) {
    /** Bytes of one hash (sha256). */
    public static final int HASH_BYTES = 32;

    /** Bytes of the salt, all zero. */
    public static final int SALT_BYTES = 32;

    /** Most data blocks that we build or believe in; keeps every size in bytes far from overflow. */
    public static final long MAX_DATA_BLOCKS = 1L << 40;

    /** 4096/4096: every device but those made of tar-index layers alone. */
    public static final VerityGeometry STANDARD = new VerityGeometry(4096, 4096);

    /** Checks that both sizes are powers of two from 512 to 524288, as dm-verity asks. */
    public VerityGeometry {
        checkBlockSize(dataBlockSizeBytes);
        checkBlockSize(hashBlockSizeBytes);
    }

    /** Hashes that fit a hash block; a power of two. */
    public int hashesPerBlock() {
        return hashBlockSizeBytes / HASH_BYTES;
    }

    /** Levels of hash blocks over {@code dataBlocks} blocks; none over a single block, whose hash is the root. */
    public int levels(long dataBlocks) {
        checkDataBlocks(dataBlocks);
        int levels = 0;
        for (long blocks = dataBlocks; blocks > 1; blocks = Math.ceilDiv(blocks, hashesPerBlock())) {
            levels++;
        }
        return levels;
    }

    /** Hash blocks of level {@code level}; level 0 holds the hashes of the data blocks. */
    public long levelBlocks(long dataBlocks, int level) {
        checkDataBlocks(dataBlocks);
        long blocks = dataBlocks;
        for (int i = 0; i <= level; i++) {
            blocks = Math.ceilDiv(blocks, hashesPerBlock());
        }
        return blocks;
    }

    /** Hash blocks of all levels. */
    public long hashBlocks(long dataBlocks) {
        long sum = 0;
        for (int level = 0; level < levels(dataBlocks); level++) {
            sum += levelBlocks(dataBlocks, level);
        }
        return sum;
    }

    private static void checkDataBlocks(long dataBlocks) {
        if (dataBlocks < 1 || dataBlocks > MAX_DATA_BLOCKS) {
            throw new IllegalArgumentException(dataBlocks + " data blocks, not from 1 to " + MAX_DATA_BLOCKS);
        }
    }

    private static void checkBlockSize(int bytes) {
        if (bytes < 512 || bytes > 524288 || Integer.bitCount(bytes) != 1) {
            throw new IllegalArgumentException("verity block size " + bytes + " is no power of two from 512 to 524288");
        }
    }
}
