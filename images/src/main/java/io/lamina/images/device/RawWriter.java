package io.lamina.images.device;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Writes extents into a raw file; the kernel shares their blocks where the file system can (reflink). */
public final class RawWriter {
    private RawWriter() {}

    /**
     * Writes {@code extent} at its own place within {@code target}; zeroes are left out.
     *
     * @param reader has the file open that the extent is in
     * @throws EOFException if that file is shorter than the extent
     */
    public static void write(Extent extent, DeviceReader reader, FileChannel target) throws IOException {
        switch (extent) {
            case Extent.FileExtent file -> copy(file, reader.channel(file.file()), target);
            case Extent.MemoryExtent memory -> writeFully(target, memory.content(), memory.startByte());
            case Extent.ZeroExtent _ -> {
                // A hole.
            }
        }
    }

    /** Makes {@code target}, which is not longer, {@code sizeBytes} long. */
    public static void extendTo(FileChannel target, long sizeBytes) throws IOException {
        if (target.size() < sizeBytes) {
            writeFully(target, ByteBuffer.allocate(1), sizeBytes - 1);
        }
    }

    private static void copy(Extent.FileExtent extent, FileChannel source, FileChannel target) throws IOException {
        target.position(extent.startByte());
        long done = 0;
        while (done < extent.lengthBytes()) {
            long copied = source.transferTo(extent.fileOffsetBytes() + done, extent.lengthBytes() - done, target);
            if (copied <= 0) {
                throw new EOFException(extent.file() + " ends at byte " + (extent.fileOffsetBytes() + done)
                        + ", the device needs " + (extent.fileOffsetBytes() + extent.lengthBytes()));
            }
            done += copied;
        }
    }

    /** Writes all of {@code content}, a buffer at its position 0, from {@code startByte} on. */
    public static void writeFully(FileChannel target, ByteBuffer content, long startByte) throws IOException {
        while (content.hasRemaining()) {
            target.write(content, startByte + content.position());
        }
    }
}
