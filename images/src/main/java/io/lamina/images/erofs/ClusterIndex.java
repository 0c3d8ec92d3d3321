package io.lamina.images.erofs;

import java.io.IOException;

/**
 * The index of a compressed file: for each logical cluster two bits of type and either the place where a new extent
 * starts in it, or a distance
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct z_erofs_lcluster_index</a>). Read a
 * pack at a time; the last one is kept.
 */
final class ClusterIndex {
    /** The extent that starts here is stored as it is. */
    static final int PLAIN = 0;
    /** The extent that starts here is compressed by the first algorithm. */
    static final int HEAD1 = 1;

    /** No extent starts here. */
    static final int NONHEAD = 2;

    /** The extent that starts here is compressed by the second algorithm. */
    static final int HEAD2 = 3;

    /** In the first distance behind a head: what follows is the number of blocks of its extent. */
    static final int BLOCK_COUNT = 0x800;
    /** Larger distances to a head are told as this one. */
    static final int MAX_DISTANCE = BLOCK_COUNT - 1;

    /** Where full indexes start, from the header's start. */
    static final int FULL_START = 16;

    static final int FULL_BYTES = 8;
    private static final int FULL_CLUSTEROFS = 2;
    private static final int FULL_ADDRESS = 4;
    private static final int TYPE_MASK = 3;
    /** Linux 7: Z_EROFS_LI_HOLE. */
    private static final int FULL_ADVISE_HOLE = 0x4000;

    private static final int SMALL_PACK_BYTES = 8;
    private static final int SMALL_PACK_CLUSTERS = 2;
    private static final int LARGE_PACK_BYTES = 32;
    private static final int LARGE_PACK_CLUSTERS = 16;
    static final int PACK_BASE_BYTES = 4;
    private static final int MIN_LOW_BITS = 12;
    private static final int MAX_COMPACT_CLUSTER_BITS = 14;

    private final CompressionHeader header;
    private final ImageBytes image;
    private final int clusters;
    private final boolean full;
    private final boolean big;
    private final long startByte;
    private final long endByte;
    private final int leading;
    private final int inLargePacks;

    // The pack that was read last.
    private final int[] types = new int[LARGE_PACK_CLUSTERS];
    private final int[] lows = new int[LARGE_PACK_CLUSTERS];
    private final int[] blocks = new int[LARGE_PACK_CLUSTERS];
    private final boolean[] holes = new boolean[LARGE_PACK_CLUSTERS];
    private int packFirst;
    private int packEnd;
    private int packClusters;

    ClusterIndex(ErofsImage erofs, CompressionHeader header) throws IOException {
        this.image = erofs.bytesOf(header.inode());
        this.header = header;
        this.full = header.layout() == Inode.Layout.COMPRESSED_FULL;
        this.big = header.hasBigExtents();
        long size = header.sizeBytes();
        int clusterBits = header.clusterBits();
        long count = (size >>> clusterBits) + ((size & ((1L << clusterBits) - 1)) == 0 ? 0 : 1);
        if (!header.isAllFragment() && count > image.endByte() / 2) {
            throw corrupt(header.startByte(), count + " clusters are more than the image can hold");
        }
        clusters = header.isAllFragment() ? 0 : (int) count;
        if (header.isAllFragment()) {
            startByte = header.endByte();
            leading = 0;
            inLargePacks = 0;
            endByte = startByte;
        } else if (full) {
            startByte = header.startByte() + FULL_START;
            leading = 0;
            inLargePacks = 0;
            endByte = startByte + (long) clusters * FULL_BYTES;
        } else {
            if (clusterBits > MAX_COMPACT_CLUSTER_BITS) {
                throw corrupt(header.startByte(), "clusters of 2^" + clusterBits + " bytes in compact indexes");
            }
            startByte = header.endByte();
            int beforeLarge = (int) ((-startByte & (LARGE_PACK_BYTES - 1)) / PACK_BASE_BYTES);
            boolean large = header.hasLargePacks() && beforeLarge < clusters;
            inLargePacks = large ? clusters - beforeLarge & -LARGE_PACK_CLUSTERS : 0;
            leading = inLargePacks == 0 ? clusters : beforeLarge;
            int trailing = clusters - leading - inLargePacks;
            endByte = startByte + packBytes(leading) + inLargePacks * 2L + packBytes(trailing);
        }
        image.check("cluster indexes", startByte, endByte - startByte);
    }

    /** Bytes of small packs for so many clusters, of which the last may stand alone. */
    private static long packBytes(int smallClusters) {
        return (smallClusters + 1L) / SMALL_PACK_CLUSTERS * SMALL_PACK_BYTES;
    }

    int clusters() {
        return clusters;
    }

    /** Where the first pack starts. */
    long startByte() {
        return startByte;
    }

    /** The first byte behind the index. */
    long endByte() {
        return endByte;
    }

    /** Bytes of the pack at {@code byteOffset}, a pack's start. */
    int packBytesAt(long byteOffset) {
        if (full) {
            return FULL_BYTES;
        }
        long largeStart = startByte + packBytes(leading);
        return byteOffset >= largeStart && byteOffset < largeStart + inLargePacks * 2L
                ? LARGE_PACK_BYTES
                : SMALL_PACK_BYTES;
    }

    int type(int cluster) throws IOException {
        load(cluster);
        return types[cluster - packFirst];
    }

    boolean isHead(int cluster) throws IOException {
        return type(cluster) != NONHEAD;
    }

    /** Of a head, the byte of the cluster where its extent starts; else a distance, or a number of blocks. */
    int low(int cluster) throws IOException {
        load(cluster);
        return lows[cluster - packFirst];
    }

    /** Whether the extent of a head has no data, which only full indexes tell so; readers that ignore it find zeroes. */
    boolean isHole(int head) throws IOException {
        load(head);
        return full && holes[head - packFirst];
    }

    /** The first block of a head's extent. */
    long block(int cluster) throws IOException {
        load(cluster);
        return blocks[cluster - packFirst] & 0xFFFF_FFFFL;
    }

    /** Whether the distance of a cluster leads to the next head, as in the last cluster of a pack, not to the last one. */
    boolean leadsForward(int cluster) throws IOException {
        load(cluster);
        return !full && cluster - packFirst == packClusters - 1;
    }

    /** How many blocks the extent of a head is stored in; none for a hole. */
    int blocksOf(int head) throws IOException {
        boolean told = head + 1 < clusters && header.isBig(type(head)) && type(head + 1) == NONHEAD;
        if (!told) {
            return 1;
        }
        int low = low(head + 1);
        if ((low & BLOCK_COUNT) == 0) {
            throw corrupt(startByte, "cluster " + (head + 1) + " does not tell how many blocks its extent has");
        }
        return low & ~BLOCK_COUNT;
    }

    private void load(int cluster) throws IOException {
        if (cluster >= packFirst && cluster < packEnd) {
            return;
        }
        packEnd = packFirst; // nothing is kept when reading fails
        if (full) {
            readFull(cluster);
            return;
        }
        long at = startByte;
        if (cluster < leading) {
            readPack(at, cluster & -SMALL_PACK_CLUSTERS, 0, false);
        } else if (cluster < leading + inLargePacks) {
            readPack(at + packBytes(leading), cluster - leading & -LARGE_PACK_CLUSTERS, leading, true);
        } else {
            int before = leading + inLargePacks;
            readPack(
                    at + packBytes(leading) + inLargePacks * 2L,
                    cluster - before & -SMALL_PACK_CLUSTERS,
                    before,
                    false);
        }
    }

    private void readFull(int cluster) throws IOException {
        int first = cluster & -LARGE_PACK_CLUSTERS;
        int count = Math.min(LARGE_PACK_CLUSTERS, clusters - first);
        for (int i = 0; i < count; i++) {
            long at = startByte + (long) (first + i) * FULL_BYTES;
            int advise = image.u16(at);
            holes[i] = (advise & FULL_ADVISE_HOLE) != 0;
            types[i] = advise & TYPE_MASK;
            boolean head = types[i] != NONHEAD;
            lows[i] = image.u16(at + (head ? FULL_CLUSTEROFS : FULL_ADDRESS));
            blocks[i] = head ? image.i32(at + FULL_ADDRESS) : 0;
            checkLow(i, at);
        }
        packFirst = first;
        packClusters = count;
        packEnd = first + count;
    }

    /** @param inRun the pack's first cluster, counted from {@code runFirst}, whose packs start at {@code runStart} */
    private void readPack(long runStart, int inRun, int runFirst, boolean large) throws IOException {
        int bytes = large ? LARGE_PACK_BYTES : SMALL_PACK_BYTES;
        int capacity = large ? LARGE_PACK_CLUSTERS : SMALL_PACK_CLUSTERS;
        long at = runStart + (long) inRun / capacity * bytes;
        byte[] pack = new byte[LARGE_PACK_BYTES + PACK_BASE_BYTES]; // room to read four bytes at any place
        image.copy(at, pack, 0, bytes);
        int entryBits = (bytes - PACK_BASE_BYTES) * Byte.SIZE / capacity;
        int lowBits = Math.max(header.clusterBits(), MIN_LOW_BITS);
        if (entryBits < lowBits + 2) {
            throw corrupt(
                    at,
                    "clusters of 2^" + header.clusterBits() + " bytes do not fit entries of " + entryBits + " bits");
        }
        int first = runFirst + inRun;
        int count = Math.min(capacity, clusters - first);
        for (int i = 0; i < count; i++) {
            int bit = i * entryBits;
            int entry = word(pack, bit / Byte.SIZE) >>> bit % Byte.SIZE;
            types[i] = entry >>> lowBits & TYPE_MASK;
            lows[i] = entry & (1 << lowBits) - 1;
            checkLow(i, at);
        }
        placeBlocks(count, word(pack, bytes - PACK_BASE_BYTES));
        packFirst = first;
        packClusters = capacity;
        packEnd = first + count;
    }

    /** A pack has one address; those of its extents follow from how many blocks the ones before take. */
    private void placeBlocks(int count, int base) {
        int used = big ? 0 : 1;
        for (int i = 0; i < count; i++) {
            boolean counts = big && types[i] == NONHEAD && (lows[i] & BLOCK_COUNT) != 0;
            if (types[i] != NONHEAD) {
                blocks[i] = base + used;
                boolean countFollows =
                        big && i + 1 < count && types[i + 1] == NONHEAD && (lows[i + 1] & BLOCK_COUNT) != 0;
                used += countFollows ? 0 : 1;
            } else if (counts) {
                used += lows[i] & ~BLOCK_COUNT;
            }
        }
    }

    private void checkLow(int inPack, long at) throws IOException {
        if (types[inPack] != NONHEAD && lows[inPack] >= 1 << header.clusterBits()) {
            throw corrupt(
                    at, "an extent starts at byte " + lows[inPack] + " of a cluster of 2^" + header.clusterBits());
        }
    }

    private static int word(byte[] bytes, int at) {
        return (bytes[at] & 0xFF)
                | (bytes[at + 1] & 0xFF) << 8
                | (bytes[at + 2] & 0xFF) << 16
                | (bytes[at + 3] & 0xFF) << 24;
    }

    IOException corrupt(long offset, String rule) {
        return image.corrupt("clusters of " + header.inode().label(), offset, rule);
    }
}
