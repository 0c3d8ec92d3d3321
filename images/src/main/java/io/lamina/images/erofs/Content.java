package io.lamina.images.erofs;

import java.io.IOException;

/** What an inode of a tree contains. */
public sealed interface Content {
    /** A directory's entries. */
    record Entries(Directory directory) implements Content {}

    /** The target of a symbolic link. */
    final class Target implements Content {
        private final byte[] bytes;

        /** @param bytes 1 to {@link Inode#MAX_SYMLINK_BYTES} bytes without NUL, kept and not copied */
        public Target(byte[] bytes) {
            this.bytes = bytes;
        }

        /** The target's bytes, not to be changed. */
        public byte[] bytes() {
            return bytes;
        }

        int length() {
            return bytes.length;
        }

        void write(BlobOutput out, int start, int length) throws IOException {
            out.put(bytes, start, length);
        }
    }

    /**
     * A device.
     *
     * @param number as Linux encodes it: minor bits 0-7, major 12 bits from bit 8 on, minor bits 8-19 from bit 20 on
     */
    record Device(int number) implements Content {
        /** The character device that means "not there". */
        public static final Device WHITEOUT = new Device(0);

        /** Majors have 12 bits. */
        public static final int MAX_MAJOR = 0xFFF;

        /** Minors have 20 bits. */
        public static final int MAX_MINOR = 0xFFFFF;

        /** A device by its two numbers. */
        public static Device of(int major, int minor) {
            return new Device((minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12);
        }
    }

    /** A regular file without bytes, a FIFO or a socket. */
    record Nothing() implements Content {
        /** The one instance. */
        public static final Nothing INSTANCE = new Nothing();
    }

    /** A regular file whose data lies in chunks that are already placed. */
    final class Chunks implements Content {
        private final long sizeBytes;
        private final int chunkBlockBits;
        private final long[] indexes;

        /**
         * @param sizeBytes of the file, more than 0
         * @param chunkBlockBits log2 of a chunk's size in blocks
         * @param indexes one {@link ChunkIndex} for each chunk, kept and not copied
         */
        public Chunks(long sizeBytes, int chunkBlockBits, long[] indexes) {
            this.sizeBytes = sizeBytes;
            this.chunkBlockBits = chunkBlockBits;
            this.indexes = indexes;
        }

        long sizeBytes() {
            return sizeBytes;
        }

        int chunkBlockBits() {
            return chunkBlockBits;
        }

        int count() {
            return indexes.length;
        }

        void write(BlobOutput out) throws IOException {
            for (long index : indexes) {
                out.putLong(index);
            }
        }
    }

    /** A compressed file of another image, whose extents stay where they are, and whose index is copied. */
    final class Compressed implements Content {
        private final ErofsImage image;
        private final Inode inode;
        private final int deviceId;
        private final RelocatedIndex.Shape shape;

        /**
         * Checks that the file can be had by copying its index.
         *
         * @param image where it is
         * @param deviceId of the image's data
         * @throws io.lamina.images.CorruptImageException if the index contradicts itself or leaves the image
         * @throws io.lamina.images.UnsupportedImageException if some of its data lies in the image's metadata
         */
        public Compressed(ErofsImage image, Inode inode, int deviceId) throws IOException {
            this.image = image;
            this.inode = inode;
            this.deviceId = deviceId;
            this.shape = RelocatedIndex.check(image, inode);
        }

        long sizeBytes() {
            return inode.data().sizeBytes();
        }

        int deviceId() {
            return deviceId;
        }

        /** Number of compressed blocks. */
        int blocks() {
            return inode.data().address();
        }

        RelocatedIndex.Shape shape() {
            return shape;
        }

        /** Writes the index; {@code uniaddrBlock} is where the image's data starts. */
        void write(BlobOutput out, long uniaddrBlock) throws IOException {
            RelocatedIndex.write(image, inode, out, uniaddrBlock);
        }
    }

    /** Reads bytes that are carried from one image to another. */
    @FunctionalInterface
    interface Tail {
        /** The bytes, as many as the content says. */
        byte[] read() throws IOException;
    }

    /**
     * A regular file of another image whose whole blocks stay where they are and whose tail lies in that image's
     * metadata, from where it is carried into this one's.
     */
    final class Tailed implements Content {
        private final long sizeBytes;
        private final int deviceId;
        private final long startBlock;
        private final Tail tail;

        /**
         * @param sizeBytes of the file, no multiple of the block size
         * @param deviceId where the whole blocks are
         * @param startBlock the first of them, within the device; 0 if there are none
         * @param tail gives the bytes behind the last whole block
         */
        public Tailed(long sizeBytes, int deviceId, long startBlock, Tail tail) {
            this.sizeBytes = sizeBytes;
            this.deviceId = deviceId;
            this.startBlock = startBlock;
            this.tail = tail;
        }

        long sizeBytes() {
            return sizeBytes;
        }

        int deviceId() {
            return deviceId;
        }

        long startBlock() {
            return startBlock;
        }

        /** Whole blocks, none of which the metadata holds. */
        long wholeBlocks(int blockBits) {
            return sizeBytes >> blockBits;
        }

        /** log2 of the chunks, in blocks, that cover all whole blocks exactly, for a tail that gets a block of its own. */
        int chunkBlockBits(int blockBits) {
            long blocks = wholeBlocks(blockBits);
            return blocks == 0 ? 0 : Math.min(Long.numberOfTrailingZeros(blocks), ChunkIndex.MAX_CHUNK_BLOCK_BITS);
        }

        /** Chunks of that size, the tail's among them. */
        int chunkCount(int blockBits) {
            return Math.toIntExact((wholeBlocks(blockBits) >> chunkBlockBits(blockBits)) + 1);
        }

        void writeTail(BlobOutput out) throws IOException {
            byte[] bytes = tail.read();
            out.put(bytes, 0, bytes.length);
        }

        /** Writes the chunks; {@code tailBlock} of this image holds the tail. */
        void writeChunks(BlobOutput out, int blockBits, long tailBlock) throws IOException {
            int last = chunkCount(blockBits) - 1;
            for (int i = 0; i < last; i++) {
                out.putLong(ChunkIndex.of(deviceId, startBlock + ((long) i << chunkBlockBits(blockBits))));
            }
            out.putLong(ChunkIndex.of(0, tailBlock));
        }
    }
}
