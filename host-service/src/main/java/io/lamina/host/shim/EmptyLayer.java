package io.lamina.host.shim;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.verity.VerityGeometry;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * A device with nothing in it, the same one everywhere: the lowest layer without which Kata's runtime-rs would not verify
 * the one above it. Its files go when it is closed.
 *
 * @param device the device
 * @param blob the file that it is in
 */
public record EmptyLayer(FlattenedDevice device, Path blob) implements AutoCloseable {
    private static final int EMPTY_TAR_BYTES = 1024;

    /** Makes one in {@code directory}. */
    public static EmptyLayer in(Path directory) throws IOException {
        Path blob = Files.createTempFile(directory, "empty", ".blob");
        Path leaves = Files.createTempFile(directory, "empty", ".leaves");
        try (FileChannel blobFile = FileChannel.open(blob, StandardOpenOption.READ, StandardOpenOption.WRITE);
                FileChannel leavesFile = FileChannel.open(leaves, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            LayerConverter.convert(new ByteArrayInputStream(new byte[EMPTY_TAR_BYTES]), blobFile, leavesFile);
            Extent.FileExtent bytes = new Extent.FileExtent(0, blobFile.size(), blob, 0);
            return new EmptyLayer(
                    FlattenedDevice.compose(List.of(DevicePart.hashing("empty", bytes, VerityGeometry.STANDARD))),
                    blob);
        } finally {
            Files.delete(leaves);
        }
    }

    @Override
    public void close() throws IOException {
        Files.deleteIfExists(blob);
    }
}
