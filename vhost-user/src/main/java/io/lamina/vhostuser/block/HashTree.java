package io.lamina.vhostuser.block;

import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * A dm-verity tree that lies right behind a device's data and reaches to its end: format 1 with sha256, hash blocks of 4096
 * bytes, a salt of 32 zero bytes, the levels from the top down to level 0, whose hashes are those of the data blocks
 * (https://github.com/torvalds/linux/blob/v6.12/Documentation/admin-guide/device-mapper/verity.rst).
 *
 * @param dataBlockSizeBytes a power of two from 512 to 4096
 * @param dataBlocks how many blocks are proved; above 0
 * @param rootHash the hash that proves them, 64 hexadecimal digits
 */
public record HashTree(int dataBlockSizeBytes, long dataBlocks, String rootHash) {
    static final int HASH_BYTES = 32;
    static final int SALT_BYTES = 32;
    static final int HASH_BLOCK_BYTES = 4096;
    static final int HASHES_PER_BLOCK = HASH_BLOCK_BYTES / HASH_BYTES;

    /** Far above any device, and far from an overflow. */
    private static final long MAX_DATA_BLOCKS = 1L << 40;

    private static final Pattern ROOT_HASH = Pattern.compile("[0-9a-f]{" + 2 * HASH_BYTES + "}");

    /** Checks the ranges. */
    public HashTree {
        if (dataBlockSizeBytes < VirtioBlk.SECTOR_BYTES
                || dataBlockSizeBytes > HASH_BLOCK_BYTES
                || Integer.bitCount(dataBlockSizeBytes) != 1) {
            throw new IllegalArgumentException("data blocks of " + dataBlockSizeBytes + " bytes");
        }
        if (dataBlocks < 1 || dataBlocks > MAX_DATA_BLOCKS) {
            throw new IllegalArgumentException(dataBlocks + " data blocks, not from 1 to " + MAX_DATA_BLOCKS);
        }
        if (!ROOT_HASH.matcher(rootHash).matches()) {
            throw new IllegalArgumentException("a root hash is not " + rootHash);
        }
    }

    byte[] rootHashBytes() {
        return HexFormat.of().parseHex(rootHash);
    }

    /** Bytes that are proved; the tree starts there. */
    public long dataBytes() {
        return dataBlocks * dataBlockSizeBytes;
    }

    /**
     * Where the levels start, in hash blocks from the tree's start: level 0 first in the array and last on the device. The
     * array has one element more, at its end: the blocks of all levels.
     */
    long[] levelStarts() {
        int levels = 0;
        for (long blocks = dataBlocks; blocks > 1; blocks = Math.ceilDiv(blocks, HASHES_PER_BLOCK)) {
            levels++;
        }
        long[] starts = new long[levels + 1];
        long blocks = dataBlocks;
        for (int level = 0; level < levels; level++) {
            blocks = Math.ceilDiv(blocks, HASHES_PER_BLOCK);
            starts[level] = blocks;
        }
        long at = 0;
        for (int level = levels - 1; level >= 0; level--) {
            long levelBlocks = starts[level];
            starts[level] = at;
            at += levelBlocks;
        }
        starts[levels] = at;
        return starts;
    }
}
