package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;

/**
 * The clusters of a compressed file: logical clusters of one size, each with two bits of type and either the place where
 * a new extent starts in it, or a distance
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct z_erofs_map_header,
 * z_erofs_lcluster_index</a>). An extent is a run of the file that was compressed together.
 */
final class CompressedMap {
    /** Uncompressed data. */
    static final int PLAIN = 0;

    static final int HEAD1 = 1;
    /** Not the start of an extent. */
    static final int NONHEAD = 2;

    static final int HEAD2 = 3;

    private static final int HEADER_BYTES = 8;
    private static final int ADVISE = 4;
    private static final int ALGORITHM = 6;
    private static final int CLUSTER_BITS = 7;
    private static final int ADVISE_COMPACTED_2B = 0x1;
    private static final int ADVISE_BIG_HEADS = 0x6;
    private static final int ADVISE_INLINE_PCLUSTER = 0x8;
    private static final int ADVISE_INTERLACED = 0x10;
    private static final int ADVISE_FRAGMENT = 0x20;
    private static final int ADVISE_KNOWN = 0x17;
    private static final int CLUSTER_BITS_KNOWN = 0xF;

    private static final int FULL_INDEX_OFFSET = 16;
    private static final int FULL_INDEX_BYTES = 8;
    private static final int FULL_CLUSTEROFS = 2;
    private static final int FULL_BLKADDR = 4;
    private static final int TYPE_MASK = 3;

    /** In a distance: what follows is a number of compressed blocks. */
    private static final int BLOCK_COUNT = 0x800;

    private static final int SMALL_PACK_BYTES = 8;
    private static final int SMALL_PACK_CLUSTERS = 2;
    private static final int LARGE_PACK_BYTES = 32;
    private static final int LARGE_PACK_CLUSTERS = 16;
    private static final int PACK_BASE_BYTES = 4;
    private static final int MIN_LOW_BITS = 12;

    private final ImageBytes image;
    private final Inode inode;
    private final int clusterBits;
    private final int algorithms;
    private final boolean interlaced;
    private final int advise;
    private final int clusters;

    // By logical cluster.
    private final byte[] types;
    private final int[] lows;
    private final int[] blocks;

    private CompressedMap(ErofsImage owner, Inode inode) throws IOException {
        this.image = owner.bytes();
        this.inode = inode;
        long header = (inode.place().endByte() + HEADER_BYTES - 1) & -HEADER_BYTES;
        image.check("compression header", header, HEADER_BYTES);
        advise = image.u16(header + ADVISE);
        algorithms = image.u8(header + ALGORITHM);
        int bits = image.u8(header + CLUSTER_BITS);
        if ((advise & ~ADVISE_KNOWN) != 0 || (bits & ~CLUSTER_BITS_KNOWN) != 0) {
            String feature = (advise & ADVISE_INLINE_PCLUSTER) != 0
                    ? "tail-packed compressed data is not read yet"
                    : (advise & ADVISE_FRAGMENT) != 0 || bits >>> 7 != 0
                            ? "fragments are not read yet"
                            : "advice 0x%x, cluster bits 0x%x are not known".formatted(advise, bits);
            throw new UnsupportedImageException(
                    image.name() + ": inode " + inode.place().nid(), feature);
        }
        clusterBits = (bits & CLUSTER_BITS_KNOWN) + owner.superblock().areas().blockBits();
        interlaced = (advise & ADVISE_INTERLACED) != 0;
        long size = inode.data().sizeBytes();
        long count = (size >>> clusterBits) + ((size & ((1L << clusterBits) - 1)) == 0 ? 0 : 1);
        if (count > image.endByte() / 2) {
            throw corrupt(header, count + " clusters are more than the image can hold");
        }
        clusters = (int) count;
        types = new byte[clusters];
        lows = new int[clusters];
        blocks = new int[clusters];
        if (inode.data().layout() == Inode.Layout.COMPRESSED_FULL) {
            readFull(header + FULL_INDEX_OFFSET);
        } else {
            readCompact(header + HEADER_BYTES);
        }
    }

    static CompressedMap of(ErofsImage image, Inode inode) throws IOException {
        return new CompressedMap(image, inode);
    }

    /**
     * One extent.
     *
     * @param startByte in the file
     * @param lengthBytes in the file
     * @param plain whether it is stored as it is
     * @param algorithm number of the compression
     * @param startBlock of the stored data
     * @param blocks of stored data
     */
    record Extent(long startByte, long lengthBytes, boolean plain, int algorithm, long startBlock, int blocks) {}

    boolean interlaced() {
        return interlaced;
    }

    /** The extent that holds byte {@code offset} of the file. */
    Extent extent(long offset) throws IOException {
        int cluster = (int) (offset >>> clusterBits);
        while (types[cluster] == NONHEAD || startOf(cluster) > offset) {
            if (cluster == 0) {
                throw corrupt(inode.place().startByte(), "no extent starts before byte " + offset);
            }
            cluster--;
        }
        int next = cluster + 1;
        while (next < clusters && types[next] == NONHEAD) {
            next++;
        }
        long end = next < clusters ? startOf(next) : inode.data().sizeBytes();
        long start = startOf(cluster);
        if (end <= offset) {
            throw corrupt(inode.place().startByte(), "extent at byte " + start + " ends at byte " + end);
        }
        int count = 1;
        if (cluster + 1 < clusters && types[cluster + 1] == NONHEAD && (lows[cluster + 1] & BLOCK_COUNT) != 0) {
            count = lows[cluster + 1] & ~BLOCK_COUNT;
        }
        boolean second = types[cluster] == HEAD2;
        return new Extent(
                start,
                end - start,
                types[cluster] == PLAIN,
                second ? algorithms >>> 4 : algorithms & 0xF,
                blocks[cluster] & 0xFFFF_FFFFL,
                count);
    }

    private long startOf(int cluster) {
        return ((long) cluster << clusterBits) + lows[cluster];
    }

    private void readFull(long start) throws IOException {
        image.check("cluster indexes", start, (long) clusters * FULL_INDEX_BYTES);
        for (int i = 0; i < clusters; i++) {
            long at = start + (long) i * FULL_INDEX_BYTES;
            types[i] = (byte) (image.u16(at) & TYPE_MASK);
            boolean head = types[i] != NONHEAD;
            lows[i] = head ? image.u16(at + FULL_CLUSTEROFS) : image.u16(at + FULL_BLKADDR);
            blocks[i] = head ? image.i32(at + FULL_BLKADDR) : 0;
            checkLow(i, at);
        }
    }

    /** Packs of 2 clusters up to a 32-byte boundary, then packs of 16 where the header allows it, then packs of 2. */
    private void readCompact(long start) throws IOException {
        int leading = (int) ((-start & (LARGE_PACK_BYTES - 1)) / PACK_BASE_BYTES);
        int inLargePacks = 0;
        if ((advise & ADVISE_COMPACTED_2B) != 0 && leading < clusters) {
            inLargePacks = (clusters - leading) & -LARGE_PACK_CLUSTERS;
        }
        if (inLargePacks == 0) {
            leading = clusters;
        }
        long at = start;
        int first = 0;
        while (first < clusters) {
            boolean large = first >= leading && first < leading + inLargePacks;
            int packBytes = large ? LARGE_PACK_BYTES : SMALL_PACK_BYTES;
            int packClusters = large ? LARGE_PACK_CLUSTERS : SMALL_PACK_CLUSTERS;
            readPack(at, packBytes, first, packClusters);
            at += packBytes;
            first += packClusters;
        }
    }

    private void readPack(long at, int packBytes, int first, int packClusters) throws IOException {
        image.check("cluster indexes", at, packBytes);
        byte[] pack = new byte[packBytes + PACK_BASE_BYTES]; // room to read four bytes at any place
        image.copy(at, pack, 0, packBytes);
        int entryBits = (packBytes - PACK_BASE_BYTES) * Byte.SIZE / packClusters;
        int lowBits = Math.max(clusterBits, MIN_LOW_BITS);
        if (entryBits < lowBits + 2) {
            throw corrupt(at, "clusters of 2^" + clusterBits + " bytes do not fit entries of " + entryBits + " bits");
        }
        int count = Math.min(packClusters, clusters - first);
        for (int i = 0; i < count; i++) {
            int bit = i * entryBits;
            int entry = word(pack, bit / Byte.SIZE) >>> bit % Byte.SIZE;
            types[first + i] = (byte) (entry >>> lowBits & TYPE_MASK);
            lows[first + i] = entry & ((1 << lowBits) - 1);
            checkLow(first + i, at);
        }
        placeBlocks(first, count, word(pack, packBytes - PACK_BASE_BYTES));
    }

    /** A pack has one address; those of its extents follow from how many blocks the ones before take. */
    private void placeBlocks(int first, int count, int base) {
        boolean big = (advise & ADVISE_BIG_HEADS) != 0;
        int used = big ? 0 : 1;
        for (int i = first; i < first + count; i++) {
            boolean counts = types[i] == NONHEAD && (lows[i] & BLOCK_COUNT) != 0;
            if (types[i] != NONHEAD) {
                blocks[i] = base + used;
                boolean countFollows = big
                        && (i + 1 == first + count || (types[i + 1] == NONHEAD && (lows[i + 1] & BLOCK_COUNT) != 0));
                used += countFollows ? 0 : 1;
            } else if (big && counts) {
                used += lows[i] & ~BLOCK_COUNT;
            }
        }
    }

    private void checkLow(int cluster, long at) throws IOException {
        if (types[cluster] != NONHEAD && lows[cluster] >= 1 << clusterBits) {
            throw corrupt(at, "an extent starts at byte " + lows[cluster] + " of a cluster of 2^" + clusterBits);
        }
    }

    private static int word(byte[] bytes, int at) {
        return (bytes[at] & 0xFF)
                | (bytes[at + 1] & 0xFF) << 8
                | (bytes[at + 2] & 0xFF) << 16
                | (bytes[at + 3] & 0xFF) << 24;
    }

    private IOException corrupt(long offset, String rule) {
        return image.corrupt("clusters of inode " + inode.place().nid(), offset, rule);
    }
}
