package io.lamina.images.oracle;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.Fsmeta;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.MappedLayer;
import io.lamina.images.merge.Merger;
import io.lamina.images.oci.Digest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What the engine makes of layers.
 *
 * @param blobs a mountable image of each layer, base first
 * @param device fsmeta and the layers' data at their places in it, as one file
 */
public record FlattenedStack(List<Path> blobs, Path device) {
    /** How layers are stored. */
    public enum Format {
        /** The layer's data copied into blocks of 4 KiB. */
        PLAIN,
        /** An index of the tar, which itself is the data. */
        TAR_INDEX,
        /** What mkfs.erofs makes of the layer's tree, each layer in another form. */
        NATIVE
    }

    private static final StandardOpenOption[] FRESH = {
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE
    };
    private static final int PADDING_BYTES = 512 << 10;
    private static final int COPY_BYTES = 64 << 10;

    /** Bytes that can be read more than once. */
    @FunctionalInterface
    interface Source {
        /** From the first byte on. */
        InputStream open() throws IOException;
    }

    /** Converts and merges tars that are in memory. */
    public static FlattenedStack build(List<byte[]> tars, Format format, Path directory) throws IOException {
        return ofTars(
                tars.stream()
                        .<Source>map(tar -> () -> new ByteArrayInputStream(tar))
                        .toList(),
                format,
                directory);
    }

    /**
     * Converts and merges with the engine under test.
     *
     * @param tars uncompressed, base first
     * @param directory where the files go
     */
    static FlattenedStack ofTars(List<Source> tars, Format format, Path directory) throws IOException {
        return switch (format) {
            case PLAIN -> plain(tars, directory);
            case TAR_INDEX -> indexed(tars, directory);
            case NATIVE -> throw new IllegalArgumentException("is made of mounted blobs, see NativeLayers");
        };
    }

    private static FlattenedStack plain(List<Source> tars, Path directory) throws IOException {
        List<Path> blobs = new ArrayList<>();
        List<Digest> diffIds = new ArrayList<>();
        for (Source tar : tars) {
            Path blob = directory.resolve("layer" + blobs.size());
            try (InputStream in = tar.open();
                    FileChannel out = FileChannel.open(blob, FRESH);
                    FileChannel leaves = FileChannel.open(directory.resolve("leaves"), FRESH)) {
                diffIds.add(LayerConverter.convert(in, out, leaves).diffId());
            }
            blobs.add(blob);
        }
        return ofBlobs(blobs, diffIds, directory);
    }

    /** Merges blobs of 4 KiB blocks, ours or others'. */
    static FlattenedStack ofBlobs(List<Path> blobs, List<Digest> diffIds, Path directory) throws IOException {
        Path device = directory.resolve("device");
        Fsmeta fsmeta = merge(blobs, diffIds, device);
        // Fsmeta and blobs one after the other are the device, so that nobody needs a map to put it together.
        long endByte = Files.size(device);
        for (int i = 0; i < blobs.size(); i++) {
            Path blob = blobs.get(i);
            endByte = (endByte + PADDING_BYTES - 1) / PADDING_BYTES * PADDING_BYTES;
            if (startByte(fsmeta, i) != endByte) {
                throw new IOException("layer " + i + " is mapped to byte " + startByte(fsmeta, i)
                        + ", and the part before it ends at byte " + endByte);
            }
            append(() -> Files.newInputStream(blob), device, endByte);
            endByte += Files.size(blob);
        }
        return new FlattenedStack(List.copyOf(blobs), device);
    }

    private static FlattenedStack indexed(List<Source> tars, Path directory) throws IOException {
        List<Path> blobs = new ArrayList<>();
        List<Digest> diffIds = new ArrayList<>();
        for (Source tar : tars) {
            Path blob = directory.resolve("layer" + blobs.size());
            try (InputStream in = tar.open();
                    FileChannel out = FileChannel.open(blob, FRESH)) {
                diffIds.add(LayerConverter.index(in, out).diffId());
            }
            blobs.add(blob);
        }
        Path device = directory.resolve("device");
        Fsmeta fsmeta = merge(blobs, diffIds, device);
        for (int i = 0; i < blobs.size(); i++) {
            append(tars.get(i), device, startByte(fsmeta, i));
            // By itself an index is mounted with its tar behind it.
            append(tars.get(i), blobs.get(i), Files.size(blobs.get(i)));
        }
        return new FlattenedStack(List.copyOf(blobs), device);
    }

    private static Fsmeta merge(List<Path> blobs, List<Digest> diffIds, Path into) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try (FileChannel fsmeta = FileChannel.open(into, FRESH)) {
            List<LayerImage> layers = new ArrayList<>();
            for (Path blob : blobs) {
                FileChannel channel = FileChannel.open(blob);
                open.add(channel);
                String name = blob.getFileName().toString();
                layers.add(LayerImage.of(ErofsImage.open(name, channel), diffIds.get(layers.size())));
            }
            return Merger.merge(layers, fsmeta);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }

    private static long startByte(Fsmeta fsmeta, int layer) {
        MappedLayer mapped = fsmeta.layers().get(layer);
        return mapped.uniaddrBlock() * fsmeta.blockSizeBytes();
    }

    /** Writes bytes at {@code startByte}, leaves holes for zeroes, and makes the file reach to their end. */
    private static void append(Source bytes, Path file, long startByte) throws IOException {
        try (InputStream in = bytes.open();
                FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
            long endByte = startByte;
            for (byte[] chunk = in.readNBytes(COPY_BYTES); chunk.length > 0; chunk = in.readNBytes(COPY_BYTES)) {
                if (!isZero(ByteBuffer.wrap(chunk))) {
                    out.write(ByteBuffer.wrap(chunk), endByte);
                }
                endByte += chunk.length;
            }
            if (out.size() < endByte) {
                out.write(ByteBuffer.allocate(1), endByte - 1);
            }
        }
    }

    private static boolean isZero(ByteBuffer bytes) {
        for (int i = bytes.position(); i < bytes.limit(); i++) {
            if (bytes.get(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Removes the files. */
    public void delete() throws IOException {
        for (Path blob : blobs) {
            Files.deleteIfExists(blob);
        }
        Files.deleteIfExists(device);
    }
}
