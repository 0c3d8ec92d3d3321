package io.lamina.images.oracle;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.ConvertedLayer;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What the engine makes of layers: a blob for each, and the flattened device as one file.
 *
 * @param blobs base first
 * @param device fsmeta and the blobs, one after the other
 */
public record FlattenedStack(List<Path> blobs, Path device) {
    private static final StandardOpenOption[] FRESH = {
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE
    };

    /**
     * Converts and merges with the engine under test.
     *
     * @param tars uncompressed, base first
     * @param directory where the files go
     */
    public static FlattenedStack build(List<byte[]> tars, Path directory) throws IOException {
        List<Path> blobs = new ArrayList<>();
        List<FileChannel> open = new ArrayList<>();
        List<LayerImage> layers = new ArrayList<>();
        Path fsmeta = directory.resolve("fsmeta");
        try {
            for (byte[] tar : tars) {
                Path blob = directory.resolve("layer" + blobs.size());
                FileChannel channel = FileChannel.open(blob, FRESH);
                open.add(channel);
                ConvertedLayer converted;
                try (FileChannel leaves = FileChannel.open(directory.resolve("leaves"), FRESH)) {
                    converted = LayerConverter.convert(new ByteArrayInputStream(tar), channel, leaves);
                }
                layers.add(LayerImage.of(ErofsImage.open(blob.getFileName().toString(), channel), converted.diffId()));
                blobs.add(blob);
            }
            try (FileChannel merged = FileChannel.open(fsmeta, FRESH)) {
                Merger.merge(layers, merged);
            }
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
        List<Path> parts = new ArrayList<>(List.of(fsmeta));
        parts.addAll(blobs);
        return new FlattenedStack(List.copyOf(blobs), MountedErofs.concatenate(parts, directory.resolve("device")));
    }

    /** Removes the files. */
    public void delete() throws IOException {
        for (Path blob : blobs) {
            Files.deleteIfExists(blob);
        }
        Files.deleteIfExists(device);
    }
}
