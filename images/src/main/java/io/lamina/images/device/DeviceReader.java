package io.lamina.images.device;

import io.lamina.images.erofs.ByteSource;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads bytes of a device on the host, for hashing, checking and writing it out; the data plane has its own way. One
 * thread at a time.
 */
public final class DeviceReader implements AutoCloseable {
    private final List<Extent> extents;
    private final Map<Path, FileChannel> channels = new HashMap<>();

    private DeviceReader(List<Extent> extents) {
        this.extents = extents;
    }

    /** A reader of {@code device}. */
    public static DeviceReader open(FlattenedDevice device) {
        return new DeviceReader(device.extents());
    }

    /** A reader of {@code extents}, which follow each other from byte 0 on without a gap. */
    static DeviceReader open(List<Extent> extents) {
        return new DeviceReader(extents);
    }

    /**
     * Fills the rest of {@code target} with the device's bytes from {@code startByte} on.
     *
     * @throws EOFException if a file is shorter than its extent
     */
    public void read(long startByte, ByteBuffer target) throws IOException {
        int end = target.limit();
        long at = startByte;
        while (target.position() < end) {
            Extent extent = Extents.at(extents, at);
            int length = (int) Math.min(end - target.position(), extent.endByte() - at);
            target.limit(target.position() + length);
            readWithin(extent, at - extent.startByte(), target);
            at += length;
        }
        target.limit(end);
    }

    /** The device's bytes for a reader of images; good as long as this reader is open. */
    public ByteSource bytes() {
        return new ByteSource() {
            @Override
            public long lengthBytes() {
                return extents.getLast().endByte();
            }

            @Override
            public void read(long offsetBytes, byte[] into, int at, int length) throws IOException {
                DeviceReader.this.read(offsetBytes, ByteBuffer.wrap(into, at, length));
            }
        };
    }

    private void readWithin(Extent extent, long offset, ByteBuffer target) throws IOException {
        switch (extent) {
            case Extent.FileExtent file -> readFile(file, offset, target);
            case Extent.MemoryExtent memory -> target.put(memory.content().slice((int) offset, target.remaining()));
            case Extent.ZeroExtent _ -> {
                while (target.hasRemaining()) {
                    target.put((byte) 0);
                }
            }
        }
    }

    private void readFile(Extent.FileExtent extent, long offset, ByteBuffer target) throws IOException {
        FileChannel channel = channel(extent.file());
        long at = extent.fileOffsetBytes() + offset;
        while (target.hasRemaining()) {
            int read = channel.read(target, at);
            if (read < 0) {
                throw new EOFException(extent.file() + " ends at byte " + at + ", the device needs "
                        + (extent.fileOffsetBytes() + extent.lengthBytes()));
            }
            at += read;
        }
    }

    /** The open channel of {@code file}; belongs to this reader. */
    FileChannel channel(Path file) throws IOException {
        FileChannel open = channels.get(file);
        if (open == null) {
            open = FileChannel.open(file, StandardOpenOption.READ);
            channels.put(file, open);
        }
        return open;
    }

    @Override
    public void close() throws IOException {
        IOException first = null;
        for (FileChannel channel : channels.values()) {
            try {
                channel.close();
            } catch (IOException failure) {
                first = first == null ? failure : first;
            }
        }
        channels.clear();
        if (first != null) {
            throw first;
        }
    }
}
