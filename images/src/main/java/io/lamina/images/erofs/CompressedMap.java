package io.lamina.images.erofs;

import java.io.IOException;

/** The extents of a compressed file. An extent is a run of the file that was compressed together. */
final class CompressedMap {
    /** What the format allows an extent to grow to (kernel: Z_EROFS_PCLUSTER_MAX_DSIZE). */
    static final int MAX_EXTENT_BYTES = 12 << 20;

    /** How many bytes an extent may take on disk (kernel: Z_EROFS_PCLUSTER_MAX_SIZE). */
    static final int MAX_STORED_BYTES = 1 << 20;

    /** The number of what is not compressed. */
    static final int PLAIN = -1;

    private final CompressionHeader header;
    private final ClusterIndex index;
    private final int blockBits;
    /** The cluster where the last extent starts, which lies elsewhere than the others; beyond all if it does not. */
    private final int specialHead;

    private CompressedMap(CompressionHeader header, ClusterIndex index) throws IOException {
        this.header = header;
        this.index = index;
        this.blockBits = header.blockBits();
        boolean special = (header.hasInlineExtent() || header.hasFragment()) && !header.isAllFragment();
        this.specialHead = special ? head(header.sizeBytes() - 1, Integer.MAX_VALUE) : Integer.MAX_VALUE;
    }

    /** The extents of {@code inode}, a compressed file that is not empty. */
    static CompressedMap of(ErofsImage image, Inode inode) throws IOException {
        CompressionHeader header = CompressionHeader.read(image, inode);
        return new CompressedMap(header, new ClusterIndex(image.bytes(), header));
    }

    /** Where an extent's bytes are. */
    sealed interface Stored {
        /** Bytes it takes. */
        long bytes();

        /** Whole blocks. */
        record Blocks(long startBlock, int count, int blockBits) implements Stored {
            @Override
            public long bytes() {
                return (long) count << blockBits;
            }
        }

        /** In the metadata, behind the index. */
        record Inline(long startByte, int length) implements Stored {
            @Override
            public long bytes() {
                return length;
            }
        }

        /** As part of the packed inode's data. */
        record Fragment(long startByte, long length) implements Stored {
            @Override
            public long bytes() {
                return length;
            }
        }
    }

    /**
     * One extent.
     *
     * @param startByte in the file
     * @param lengthBytes in the file
     * @param algorithm number of the compression, or {@link #PLAIN}
     * @param stored where its bytes are
     */
    record Extent(long startByte, long lengthBytes, int algorithm, Stored stored) {
        long endByte() {
            return startByte + lengthBytes;
        }
    }

    CompressionHeader header() {
        return header;
    }

    ClusterIndex index() {
        return index;
    }

    /** Bytes of metadata behind the inode. */
    long metadataBytes() {
        return index.endByte() - header.startByte() + (header.hasInlineExtent() ? header.inlineBytes() : 0);
    }

    /** The extent that holds byte {@code offset} of the file. */
    Extent extent(long offset) throws IOException {
        long size = header.sizeBytes();
        if (header.isAllFragment()) {
            return new Extent(0, size, PLAIN, new Stored.Fragment(header.allFragmentByte(), size));
        }
        if (specialHead < index.clusters() && offset >= startOf(specialHead)) {
            long start = startOf(specialHead);
            return special(start, size - start);
        }
        int limit = (MAX_EXTENT_BYTES >> header.clusterBits()) + 2;
        int head = head(offset, limit);
        int next = head + 1;
        while (next < index.clusters() && !index.isHead(next)) {
            if (next - head > limit) {
                throw tooLong(head);
            }
            next++;
        }
        long start = startOf(head);
        long end = next < index.clusters() ? Math.min(size, startOf(next)) : size;
        if (end <= offset) {
            throw index.corrupt(header.startByte(), "extent at byte " + start + " ends at byte " + end);
        }
        int count = index.blocksOf(head);
        long storedBytes = (long) count << blockBits;
        if (end - start > MAX_EXTENT_BYTES || storedBytes == 0 || storedBytes > MAX_STORED_BYTES) {
            throw index.corrupt(
                    header.startByte(),
                    "extent at byte " + start + " of " + (end - start) + " bytes is stored in " + count + " blocks");
        }
        return new Extent(start, end - start, algorithm(head), new Stored.Blocks(index.block(head), count, blockBits));
    }

    private Extent special(long start, long length) throws IOException {
        if (header.hasFragment()) {
            // The head has no block; where it has an address to itself, that is the upper half of the place.
            long high = header.layout() == Inode.Layout.COMPRESSED_FULL ? index.block(specialHead) << 32 : 0;
            long place = header.word() | high;
            return new Extent(start, length, PLAIN, new Stored.Fragment(place, length));
        }
        int bytes = header.inlineBytes();
        long at = index.endByte();
        int blockSizeBytes = 1 << blockBits;
        if (bytes == 0 || (at & blockSizeBytes - 1) + bytes > blockSizeBytes || length > MAX_EXTENT_BYTES) {
            throw index.corrupt(
                    at, "inline extent of " + length + " bytes is stored in " + bytes + " bytes, or crosses a block");
        }
        return new Extent(start, length, algorithm(specialHead), new Stored.Inline(at, bytes));
    }

    private int algorithm(int head) throws IOException {
        int type = index.type(head);
        return type == ClusterIndex.PLAIN ? PLAIN : header.algorithm(type);
    }

    /** The cluster where the extent of byte {@code offset} starts, at most {@code limit} clusters before. */
    private int head(long offset, int limit) throws IOException {
        int last = (int) (offset >>> header.clusterBits());
        int cluster = last;
        while (!index.isHead(cluster) || startOf(cluster) > offset) {
            if (cluster == 0) {
                throw index.corrupt(header.startByte(), "no extent starts before byte " + offset);
            }
            if (last - cluster > limit) {
                throw tooLong(cluster);
            }
            cluster--;
        }
        return cluster;
    }

    private IOException tooLong(int cluster) {
        return index.corrupt(
                header.startByte(),
                "the extent of cluster " + cluster + " is longer than " + MAX_EXTENT_BYTES + " bytes");
    }

    private long startOf(int head) throws IOException {
        return ((long) head << header.clusterBits()) + index.low(head);
    }
}
