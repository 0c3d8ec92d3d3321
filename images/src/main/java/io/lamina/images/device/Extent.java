package io.lamina.images.device;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;

/** A run of a device's bytes and where they are. Pure data: who serves it opens the files, or is handed them. */
public sealed interface Extent {
    /** Where the run starts, in bytes from the device's start. */
    long startByte();

    /** Its length in bytes, 1 or more. */
    long lengthBytes();

    /** The first byte behind it. */
    default long endByte() {
        return startByte() + lengthBytes();
    }

    /** The same content at another place. */
    Extent movedTo(long startByte);

    /** The part from {@code fromByte} to {@code toByte}, both counted from the device's start. */
    default Extent slice(long fromByte, long toByte) {
        if (fromByte < startByte() || toByte > endByte() || fromByte >= toByte) {
            throw new IndexOutOfBoundsException(
                    "bytes " + fromByte + " to " + toByte + " of an extent from " + startByte() + " to " + endByte());
        }
        long skipped = fromByte - startByte();
        long length = toByte - fromByte;
        return switch (this) {
            case FileExtent extent -> new FileExtent(fromByte, length, extent.file, extent.fileOffsetBytes + skipped);
            case MemoryExtent extent -> new MemoryExtent(fromByte, extent.content.slice((int) skipped, (int) length));
            case ZeroExtent _ -> new ZeroExtent(fromByte, length);
        };
    }

    /**
     * Bytes of a file.
     *
     * @param startByte where they start on the device
     * @param lengthBytes how many
     * @param file the file
     * @param fileOffsetBytes where they start in the file
     */
    record FileExtent(long startByte, long lengthBytes, Path file, long fileOffsetBytes) implements Extent {
        /** Checks the ranges. */
        public FileExtent {
            checkRange(startByte, lengthBytes);
            checkRange(fileOffsetBytes, lengthBytes);
        }

        @Override
        public Extent movedTo(long startByte) {
            return new FileExtent(startByte, lengthBytes, file, fileOffsetBytes);
        }

        @Override
        public String toString() {
            return file + " from byte " + fileOffsetBytes;
        }
    }

    /**
     * Bytes in memory.
     *
     * @param startByte where they start on the device
     * @param content the bytes; kept as a read-only view of its own
     */
    record MemoryExtent(long startByte, ByteBuffer content) implements Extent {
        /** Checks the range. */
        public MemoryExtent {
            content = content.slice().asReadOnlyBuffer();
            checkRange(startByte, content.remaining());
        }

        @Override
        public ByteBuffer content() {
            return content.duplicate();
        }

        @Override
        public long lengthBytes() {
            return content.remaining();
        }

        @Override
        public Extent movedTo(long startByte) {
            return new MemoryExtent(startByte, content);
        }

        @Override
        public String toString() {
            return "memory";
        }
    }

    /**
     * Zeroes.
     *
     * @param startByte where they start on the device
     * @param lengthBytes how many
     */
    record ZeroExtent(long startByte, long lengthBytes) implements Extent {
        /** Checks the range. */
        public ZeroExtent {
            checkRange(startByte, lengthBytes);
        }

        @Override
        public Extent movedTo(long startByte) {
            return new ZeroExtent(startByte, lengthBytes);
        }

        @Override
        public String toString() {
            return "zeroes";
        }
    }

    private static void checkRange(long start, long length) {
        if (length < 1) {
            throw new IllegalArgumentException("an extent of " + length + " bytes");
        }
        Objects.checkFromIndexSize(start, length, Long.MAX_VALUE);
    }
}
