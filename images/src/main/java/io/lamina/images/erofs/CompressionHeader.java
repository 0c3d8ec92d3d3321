package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;

/**
 * The head of a compressed file's index
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct z_erofs_map_header</a>), 8 bytes at
 * the next multiple of 8 behind the inode.
 *
 * @param inode the file
 * @param startByte where the header lies
 * @param bits its eight bytes, little endian
 * @param blockBits log2 of the block size
 */
record CompressionHeader(Inode inode, long startByte, long bits, int blockBits) {
    static final int BYTES = 8;
    private static final int ADVISE = 4;
    /** In compact indexes. */
    static final int ADVISE_COMPACTED_2B = 0x1;

    /** In full indexes: there is none, but a list of extents. */
    private static final int ADVISE_EXTENTS = 0x1;

    private static final int EXTENT_RECORD_SHIFT = 1;
    private static final int EXTENT_RECORD_MASK = 0x3;
    private static final int LEAST_EXTENT_RECORD_BYTES = 4;
    private static final int LEAST_COUNTED_RECORD_BYTES = 16;

    private static final int ALGORITHM = 6;
    private static final int SIZES = 7;
    private static final int ADVISE_BIG_HEAD1 = 0x2;
    private static final int ADVISE_BIG_HEAD2 = 0x4;
    private static final int ADVISE_INLINE_EXTENT = 0x8;
    private static final int ADVISE_INTERLACED = 0x10;
    private static final int ADVISE_FRAGMENT = 0x20;
    private static final int ADVISE_KNOWN = 0x3F;
    private static final int SIZES_CLUSTER_BITS = 0xF;
    private static final int SIZES_KNOWN = 0x8F;
    private static final int SIZES_ALL_FRAGMENT = 0x80;
    private static final int MAX_CLUSTER_BITS = 30;

    static CompressionHeader read(ErofsImage image, Inode inode) throws IOException {
        ImageBytes bytes = image.bytesOf(inode);
        long start = inode.place().endByte() + BYTES - 1 & -BYTES;
        bytes.check("compression header", start, BYTES);
        int blockBits = image.superblock().areas().blockBits();
        CompressionHeader header = new CompressionHeader(inode, start, bytes.i64(start), blockBits);
        if (header.isAllFragment()) {
            return header; // the other bits are part of the fragment's place
        }
        boolean counted = header.hasEncodedExtents() && header.extentRecordBytes() >= LEAST_COUNTED_RECORD_BYTES;
        if ((header.advise() & ~ADVISE_KNOWN) != 0 || (!counted && (header.sizes() & ~SIZES_KNOWN) != 0)) {
            throw new UnsupportedImageException(
                    image.name() + ": " + inode.label(),
                    "advice 0x%x, cluster bits 0x%x are not known".formatted(header.advise(), header.sizes()));
        }
        if (counted) {
            return header;
        }
        if (header.clusterBits() > MAX_CLUSTER_BITS || (header.hasInlineExtent() && header.hasFragment())) {
            throw bytes.corrupt(
                    "compression header of " + inode.label(),
                    start,
                    "advice 0x%x and clusters of 2^%d bytes".formatted(header.advise(), header.clusterBits()));
        }
        return header;
    }

    /** The first four bytes: part of a fragment's place, or the length of an inline extent. */
    long word() {
        return bits & 0xFFFF_FFFFL;
    }

    /** Which forms the index uses. */
    int advise() {
        return (int) (bits >>> (Byte.SIZE * ADVISE)) & 0xFFFF;
    }

    /** Of the two kinds of heads. */
    int algorithms() {
        return (int) (bits >>> (Byte.SIZE * ALGORITHM)) & 0xFF;
    }

    /** log2 of a cluster's size in blocks, and whether all of the file is a fragment. */
    int sizes() {
        return (int) (bits >>> (Byte.SIZE * SIZES)) & 0xFF;
    }

    Inode.Layout layout() {
        return inode.data().layout();
    }

    long sizeBytes() {
        return inode.data().sizeBytes();
    }

    long endByte() {
        return startByte + BYTES;
    }

    /** Whether the file has a list of extents instead of an index. */
    boolean hasEncodedExtents() {
        return layout() == Inode.Layout.COMPRESSED_FULL && !isAllFragment() && (advise() & ADVISE_EXTENTS) != 0;
    }

    /** Bytes of each record in the list of extents, a power of two from 4 to 32. */
    int extentRecordBytes() {
        return LEAST_EXTENT_RECORD_BYTES << ((advise() >> EXTENT_RECORD_SHIFT) & EXTENT_RECORD_MASK);
    }

    /** Records in the list, which tells that if they have 16 bytes or more. */
    long extentCount() {
        return word() | (bits >>> (Byte.SIZE * ALGORITHM)) << Integer.SIZE;
    }

    /** log2 of a logical cluster's size in bytes. */
    int clusterBits() {
        return (sizes() & SIZES_CLUSTER_BITS) + blockBits;
    }

    /** Whether compact indexes have packs of 16 clusters. */
    boolean hasLargePacks() {
        return (advise() & ADVISE_COMPACTED_2B) != 0;
    }

    /** Whether extents may be stored in several blocks. */
    boolean hasBigExtents() {
        return (advise() & (ADVISE_BIG_HEAD1 | ADVISE_BIG_HEAD2)) != 0;
    }

    /** Whether extents of this kind of head may be stored in several blocks; compact indexes do not tell them apart. */
    boolean isBig(int headType) {
        if (layout() == Inode.Layout.COMPRESSED_COMPACT) {
            return hasBigExtents();
        }
        int bit = headType == ClusterIndex.HEAD1 ? ADVISE_BIG_HEAD1 : ADVISE_BIG_HEAD2;
        return (advise() & bit) != 0;
    }

    /** Whether data that is stored as it is lies rotated in its block. */
    boolean isInterlaced() {
        return (advise() & ADVISE_INTERLACED) != 0;
    }

    boolean hasInlineExtent() {
        return !isAllFragment() && (advise() & ADVISE_INLINE_EXTENT) != 0;
    }

    /** Stored bytes of the inline extent. */
    int inlineBytes() {
        return (int) (word() >>> 16);
    }

    boolean hasFragment() {
        return isAllFragment() || (advise() & ADVISE_FRAGMENT) != 0;
    }

    /** Whether the file has no extents of its own. */
    boolean isAllFragment() {
        return (sizes() & SIZES_ALL_FRAGMENT) != 0;
    }

    /** Where a file that is all fragment starts in the packed inode. */
    long allFragmentByte() {
        return bits & Long.MAX_VALUE; // without the bit that says so
    }

    int algorithm(int headType) {
        return headType == ClusterIndex.HEAD2 ? algorithms() >>> 4 : algorithms() & 0xF;
    }
}
