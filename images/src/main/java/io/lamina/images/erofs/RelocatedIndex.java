package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Copies the index of a compressed file into another image, whose block addresses count from further ahead. Nothing is
 * decompressed. Where a compact index would come to lie at another distance from a multiple of 32 bytes, its packs would
 * be cut otherwise; a full index, which can lie anywhere, takes its place.
 */
final class RelocatedIndex {
    /** Compact indexes with large packs lie at the same place within this many bytes. */
    private static final int PHASE_BYTES = 32;

    private RelocatedIndex() {}

    /**
     * Sizes of an index.
     *
     * @param original the layout that it has
     * @param startByte of its header, where it is
     * @param originalBytes of header and index
     * @param clusters logical clusters
     * @param phaseBytes the index may be copied as it is to where its place is the same within so many bytes
     */
    record Shape(Inode.Layout original, long startByte, long originalBytes, int clusters, int phaseBytes) {
        static Shape of(CompressionHeader header, ClusterIndex index) {
            boolean cut = header.layout() == Inode.Layout.COMPRESSED_COMPACT && header.hasLargePacks();
            return new Shape(
                    header.layout(),
                    header.startByte(),
                    index.endByte() - header.startByte(),
                    index.clusters(),
                    cut ? PHASE_BYTES : CompressionHeader.BYTES);
        }

        /** Which layout it has with its header at {@code headerByte} of the other image. */
        Inode.Layout layout(long headerByte) {
            return isVerbatim(headerByte) ? original : Inode.Layout.COMPRESSED_FULL;
        }

        /** Bytes of header and index there. */
        long bytes(long headerByte) {
            return isVerbatim(headerByte)
                    ? originalBytes
                    : ClusterIndex.FULL_START + (long) clusters * ClusterIndex.FULL_BYTES;
        }

        private boolean isVerbatim(long headerByte) {
            return (headerByte - startByte) % phaseBytes == 0;
        }
    }

    /** Why the index of a file cannot be copied, or null if it can. */
    static @Nullable String obstacle(ErofsImage image, Inode inode) throws IOException {
        CompressionHeader header = CompressionHeader.read(image, inode);
        if (header.hasEncodedExtents()) {
            return "it has compressed data at places that count bytes, not blocks";
        }
        if (header.hasFragment()) {
            return "it has fragments, which files share";
        }
        if (header.hasInlineExtent()) {
            return "it has compressed data among its metadata";
        }
        if (!image.superblock().features().isZeroPadded()) {
            return "its compressed data is padded behind, not in front";
        }
        return image.devices().isEmpty() ? null : "it has compressed data and a second device";
    }

    /** Refuses a file whose data lies in metadata or elsewhere than in {@code image}, and an index that is not consistent. */
    static Shape check(ErofsImage image, Inode inode) throws IOException {
        String obstacle = obstacle(image, inode);
        if (obstacle != null) {
            throw new UnsupportedImageException(
                    image.name() + ": " + inode.label(), "cannot be merged as it is, since " + obstacle);
        }
        CompressionHeader header = CompressionHeader.read(image, inode);
        ClusterIndex index = new ClusterIndex(image, header);
        int head = -1;
        for (int cluster = 0; cluster < index.clusters(); cluster++) {
            if (index.isHead(cluster)) {
                head = cluster;
                checkExtent(image, header, index, head);
            } else {
                checkDistance(header, index, cluster, head);
            }
        }
        return Shape.of(header, index);
    }

    private static void checkExtent(ErofsImage image, CompressionHeader header, ClusterIndex index, int head)
            throws IOException {
        long start = ((long) head << header.clusterBits()) + index.low(head);
        if (start >= header.sizeBytes()) {
            return; // marks the end of the last extent; its address means nothing
        }
        long end = index.block(head) + index.blocksOf(head);
        if (end > image.superblock().areas().blocks()) {
            throw index.corrupt(
                    index.startByte(),
                    "the extent of cluster " + head + " ends with block " + end + " of "
                            + image.superblock().areas().blocks());
        }
    }

    /** Kernels follow distances; ours are measured, so that both must agree. */
    private static void checkDistance(CompressionHeader header, ClusterIndex index, int cluster, int head)
            throws IOException {
        if (head < 0) {
            throw index.corrupt(index.startByte(), "no extent starts in the first cluster");
        }
        int distance = cluster - head;
        boolean countsBlocks = distance == 1 && header.isBig(index.type(head));
        if (countsBlocks || index.leadsForward(cluster)) {
            return; // the former was looked at with the head
        }
        int told = index.low(cluster);
        if (told != Math.min(distance, ClusterIndex.MAX_DISTANCE)) {
            throw index.corrupt(
                    index.startByte(),
                    "cluster " + cluster + " tells a distance of " + told + " to its extent's start, it is "
                            + distance);
        }
    }

    /** Writes header and index at the position of {@code out}, a multiple of 8 bytes. */
    static void write(ErofsImage image, Inode inode, BlobOutput out, long addedBlocks) throws IOException {
        CompressionHeader header = CompressionHeader.read(image, inode);
        ClusterIndex index = new ClusterIndex(image, header);
        if (!Shape.of(header, index).isVerbatim(out.positionBytes())) {
            writeFull(header, index, out, addedBlocks);
            return;
        }
        ImageBytes bytes = image.bytesOf(inode);
        byte[] pack = new byte[PHASE_BYTES];
        int head = (int) (index.startByte() - header.startByte());
        bytes.copy(header.startByte(), pack, 0, head);
        out.put(pack, 0, head);
        boolean full = header.layout() == Inode.Layout.COMPRESSED_FULL;
        int cluster = 0;
        for (long at = index.startByte(); at < index.endByte(); cluster++) {
            int length = index.packBytesAt(at);
            bytes.copy(at, pack, 0, length);
            int address = length - Integer.BYTES;
            if (!full || index.isHead(cluster)) {
                out.put(pack, 0, address);
                out.putInt((int) (bytes.u32(at + address) + addedBlocks));
            } else {
                out.put(pack, 0, length);
            }
            at += length;
        }
    }

    private static void writeFull(CompressionHeader header, ClusterIndex index, BlobOutput out, long addedBlocks)
            throws IOException {
        out.putInt((int) header.word());
        out.putShort(header.advise() & ~CompressionHeader.ADVISE_COMPACTED_2B);
        out.putByte(header.algorithms());
        out.putByte(header.sizes());
        out.putZeroes(ClusterIndex.FULL_START - CompressionHeader.BYTES);
        int head = 0;
        int next = 0;
        for (int cluster = 0; cluster < index.clusters(); cluster++) {
            int type = index.type(cluster);
            out.putShort(type);
            if (type != ClusterIndex.NONHEAD) {
                head = cluster;
                next = nextHead(index, cluster);
                out.putShort(index.low(cluster));
                out.putInt((int) (index.block(cluster) + addedBlocks));
            } else {
                int distance = cluster - head;
                boolean countsBlocks = distance == 1 && header.isBig(index.type(head));
                out.putShort(0);
                out.putShort(countsBlocks ? index.low(cluster) : Math.min(distance, ClusterIndex.MAX_DISTANCE));
                out.putShort(Math.min(next - cluster, 0xFFFF));
            }
        }
    }

    private static int nextHead(ClusterIndex index, int head) throws IOException {
        int next = head + 1;
        while (next < index.clusters() && !index.isHead(next)) {
            next++;
        }
        return next;
    }
}
