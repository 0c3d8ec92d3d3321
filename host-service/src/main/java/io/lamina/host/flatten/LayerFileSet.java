package io.lamina.host.flatten;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.images.CorruptImageException;
import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.erofs.DeviceSlot;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerExporter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Layer blobs in files of a user, opened: ours and others', base first. A tar-index layer is its index and its tar. Their
 * hashes are made anew each time; nothing beside them is believed, but that a recipe tells a layer's diffID.
 */
public final class LayerFileSet implements AutoCloseable {
    private final List<FileChannel> open = new ArrayList<>();
    private final List<LayerImage> images = new ArrayList<>();
    private final List<Path> dataFiles = new ArrayList<>();

    private LayerFileSet() {}

    /**
     * A layer as a user names it.
     *
     * @param image the EROFS image
     * @param data where its data lies: the image itself, or the tar of a tar-index layer
     */
    public record LayerFile(Path image, Path data) {
        /** What {@code layer convert} leaves beside an image, and {@code layer export} reads. */
        public static Path recipe(Path image) {
            return image.resolveSibling(image.getFileName() + ".recipe");
        }
    }

    /** Opens layers, base first. */
    public static LayerFileSet open(List<LayerFile> baseFirst) throws IOException {
        LayerFileSet set = new LayerFileSet();
        try {
            for (LayerFile layer : baseFirst) {
                set.add(layer);
            }
            return set;
        } catch (IOException | RuntimeException failure) {
            set.close();
            throw failure;
        }
    }

    private void add(LayerFile layer) throws IOException {
        FileChannel channel = FileChannel.open(layer.image, READ);
        open.add(channel);
        ErofsImage image = ErofsImage.open(layer.image.toString(), channel);
        boolean elsewhere = !image.devices().isEmpty();
        if (elsewhere == layer.data.equals(layer.image)) {
            throw new CorruptImageException(
                    layer.image.toString(),
                    elsewhere
                            ? "is the index of a tar: name both, as INDEX.erofs=LAYER.tar"
                            : "is no index of a tar, but " + layer.data + " is named as one");
        }
        images.add(new LayerImage(image, tag(layer, image)));
        dataFiles.add(layer.data);
    }

    private static String tag(LayerFile layer, ErofsImage image) throws IOException {
        if (!image.devices().isEmpty()) {
            return image.devices().getFirst().tag();
        }
        Path recipe = LayerFile.recipe(layer.image);
        if (Files.exists(recipe)) {
            try (FileChannel file = FileChannel.open(recipe, READ)) {
                Digest diffId = LayerExporter.diffId(file);
                // Another layer's recipe would put a wrong name into fsmeta; the image's UUID is made of the diffID.
                if (image.superblock().uuid().equals(diffId.uuid())) {
                    return diffId.hex();
                }
            }
        }
        return image.superblock().uuid().toString().replace("-", "");
    }

    /** The layers for a merge. */
    public List<LayerImage> images() {
        return List.copyOf(images);
    }

    /** Reads and hashes everything and puts the device together. */
    public FlattenedDevice flatten(FsmetaFile fsmeta) throws IOException {
        VerityGeometry geometry =
                new VerityGeometry(fsmeta.merged().blockSizeBytes(), VerityGeometry.STANDARD.hashBlockSizeBytes());
        List<DevicePart> parts = new ArrayList<>();
        parts.add(fsmeta.part(geometry));
        for (int i = 0; i < images.size(); i++) {
            parts.add(DevicePart.hashing(images.get(i).tag(), data(i), geometry));
        }
        return FlattenedDevice.compose(parts);
    }

    private Extent data(int layer) throws IOException {
        ErofsImage image = images.get(layer).image();
        int blockSizeBytes = image.superblock().areas().blockSizeBytes();
        List<DeviceSlot> devices = image.devices();
        long blocks = devices.isEmpty()
                ? image.superblock().areas().blocks()
                : devices.getFirst().blocks();
        // A tar need not end with a whole block; what is short is zeroes on the device.
        long sizeBytes = Math.min(blocks * blockSizeBytes, Files.size(dataFiles.get(layer)));
        return new Extent.FileExtent(0, sizeBytes, dataFiles.get(layer).toAbsolutePath(), 0);
    }

    @Override
    public void close() throws IOException {
        for (FileChannel channel : open) {
            channel.close();
        }
    }
}
