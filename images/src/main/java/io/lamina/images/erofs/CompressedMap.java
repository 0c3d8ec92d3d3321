package io.lamina.images.erofs;

import java.io.IOException;

/** The extents of a compressed file that follow from its {@link ClusterIndex}. */
final class CompressedMap implements FileExtents {
    private final CompressionHeader header;
    private final ClusterIndex index;
    private final int blockBits;
    /** The cluster where the last extent starts, which lies elsewhere than the others; beyond all if it does not. */
    private final int specialHead;

    CompressedMap(ErofsImage image, CompressionHeader header) throws IOException {
        this.header = header;
        this.index = new ClusterIndex(image, header);
        this.blockBits = header.blockBits();
        boolean special = (header.hasInlineExtent() || header.hasFragment()) && !header.isAllFragment();
        this.specialHead = special ? head(header.sizeBytes() - 1, Integer.MAX_VALUE) : Integer.MAX_VALUE;
    }

    @Override
    public long metadataBytes() {
        return index.endByte() - header.startByte() + (header.hasInlineExtent() ? header.inlineBytes() : 0);
    }

    @Override
    public Extent extent(long offset) throws IOException {
        long size = header.sizeBytes();
        if (header.isAllFragment()) {
            return new Extent(0, size, PLAIN, new Stored.Fragment(header.allFragmentByte()));
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
        int count = index.isHole(head) ? 0 : index.blocksOf(head);
        if (count == 0) {
            return new Extent(start, end - start, PLAIN, new Stored.Hole());
        }
        long storedBytes = (long) count << blockBits;
        if (end - start > MAX_EXTENT_BYTES || storedBytes > MAX_STORED_BYTES) {
            throw index.corrupt(
                    header.startByte(),
                    "extent at byte " + start + " of " + (end - start) + " bytes is stored in " + count + " blocks");
        }
        return new Extent(
                start,
                end - start,
                algorithm(head),
                new Stored.Data(index.block(head) << blockBits, (int) storedBytes, header.isInterlaced()));
    }

    private Extent special(long start, long length) throws IOException {
        if (header.hasFragment()) {
            // The head has no block; where it has an address to itself, that is the upper half of the place.
            long high = header.layout() == Inode.Layout.COMPRESSED_FULL ? index.block(specialHead) << 32 : 0;
            long place = header.word() | high;
            return new Extent(start, length, PLAIN, new Stored.Fragment(place));
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
