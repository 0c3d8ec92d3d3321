package io.lamina.images.erofs;

import java.io.IOException;

/** The extents of a compressed file. An extent is a run of the file that was compressed together, or a hole. */
sealed interface FileExtents permits CompressedMap, EncodedExtents {
    /** What the format allows an extent to grow to (kernel: Z_EROFS_PCLUSTER_MAX_DSIZE). */
    int MAX_EXTENT_BYTES = 12 << 20;

    /** How many bytes an extent may take on disk (kernel: Z_EROFS_PCLUSTER_MAX_SIZE). */
    int MAX_STORED_BYTES = 1 << 20;

    /** The number of what is not compressed. */
    int PLAIN = -1;

    /** The extents of {@code inode}, a compressed file that is not empty. */
    static FileExtents of(ErofsImage image, Inode inode) throws IOException {
        CompressionHeader header = CompressionHeader.read(image, inode);
        return header.hasEncodedExtents() ? new EncodedExtents(image, header) : new CompressedMap(image, header);
    }

    /** The extent that holds byte {@code offset} of the file. */
    Extent extent(long offset) throws IOException;

    /** Bytes of metadata behind the inode. */
    long metadataBytes();

    /** Where an extent's bytes are. */
    sealed interface Stored {
        /**
         * In the image.
         *
         * @param interlaced whether data that is not compressed lies rotated in its last block
         */
        record Data(long startByte, int length, boolean interlaced) implements Stored {}

        /** In the metadata, behind the index. */
        record Inline(long startByte, int length) implements Stored {}

        /** As part of the packed inode's data. */
        record Fragment(long startByte) implements Stored {}

        /** Nowhere: all bytes are zero. */
        record Hole() implements Stored {}
    }

    /**
     * One extent.
     *
     * @param startByte in the file
     * @param lengthBytes in the file; at most {@link #MAX_EXTENT_BYTES} where there is something to be decompressed
     * @param algorithm number of the compression, or {@link #PLAIN}
     * @param stored where its bytes are
     */
    record Extent(long startByte, long lengthBytes, int algorithm, Stored stored) {
        long endByte() {
            return startByte + lengthBytes;
        }
    }
}
