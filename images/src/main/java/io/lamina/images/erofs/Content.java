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
}
