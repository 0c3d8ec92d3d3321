package io.lamina.host.flatten;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.store.StoredBlob;
import io.lamina.images.CorruptImageException;
import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.erofs.Areas;
import io.lamina.images.erofs.ByteSource;
import io.lamina.images.erofs.DeviceSlot;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.hash.Sha256;
import io.lamina.images.layer.LayerExporter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.MergeObstacle;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Layer blobs in files of a user, opened: ours and others', base first. A tar-index layer is its index and its tar. Their
 * hashes are made anew each time; nothing beside them is believed, but that a recipe tells a layer's diffID.
 * Layers that cannot be merged as they are give way to a plain copy in the store.
 */
public final class LayerFileSet implements AutoCloseable {
    private final NativeLayers copies;
    private final List<FileChannel> open = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();

    private LayerFileSet(NativeLayers copies) {
        this.copies = copies;
    }

    /**
     * A layer.
     *
     * @param file as the user named it
     * @param image opened
     * @param tag what the device table calls it
     * @param copy what is merged in its place, or null
     */
    private record Member(
            LayerFile file,
            ErofsImage image,
            String tag,
            @Nullable StoredBlob copy) {}

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

    /**
     * Opens layers, base first.
     *
     * @param copies makes copies of those that cannot be merged as they are, and tells of them
     */
    public static LayerFileSet open(List<LayerFile> baseFirst, NativeLayers copies) throws IOException {
        LayerFileSet set = new LayerFileSet(copies);
        try {
            for (LayerFile layer : baseFirst) {
                set.members.add(set.open(layer));
            }
            set.copyWhatMustBe();
            return set;
        } catch (IOException | RuntimeException failure) {
            set.close();
            throw failure;
        }
    }

    private Member open(LayerFile layer) throws IOException {
        FileChannel channel = open(layer.image);
        ErofsImage image = ErofsImage.open(layer.image.toString(), channel);
        if (image.devices().size() > 1) {
            return new Member(layer, image, "", null); // merging refuses it
        }
        boolean elsewhere = !layer.data.equals(layer.image);
        if (image.devices().isEmpty() == elsewhere && !holdsItsDevice(image, channel)) {
            throw new CorruptImageException(
                    layer.image.toString(),
                    elsewhere
                            ? "is no index of a tar, but " + layer.data + " is named as one"
                            : "is the index of a tar: name both, as INDEX.erofs=LAYER.tar");
        }
        if (elsewhere) {
            image = ErofsImage.open(layer.image.toString(), withDevice(layer, image, channel));
        }
        return new Member(layer, image, tag(layer, image), null);
    }

    private FileChannel open(Path file) throws IOException {
        FileChannel channel = FileChannel.open(file, READ);
        open.add(channel);
        return channel;
    }

    /** Whether the device that an image names lies behind it in the same file. */
    private static boolean holdsItsDevice(ErofsImage image, FileChannel file) throws IOException {
        if (image.devices().isEmpty()) {
            return false;
        }
        DeviceSlot device = image.devices().getFirst();
        Areas areas = image.superblock().areas();
        return device.blocks() > 0
                && device.uniaddrBlock() >= areas.blocks()
                && device.endBlock() << areas.blockBits() <= file.size();
    }

    private ByteSource withDevice(LayerFile layer, ErofsImage image, FileChannel channel) throws IOException {
        DeviceSlot device = image.devices().getFirst();
        Areas areas = image.superblock().areas();
        FileChannel data = open(layer.data);
        long missing = (device.blocks() << areas.blockBits()) - data.size();
        if (missing >= areas.blockSizeBytes()) {
            throw new CorruptImageException(
                    layer.data.toString(),
                    "has " + data.size() + " bytes, " + layer.image + " asks for " + device.blocks() + " blocks of "
                            + areas.blockSizeBytes());
        }
        if (device.blocks() == 0) {
            return ByteSource.of(channel); // merging refuses it
        }
        if (device.uniaddrBlock() < areas.blocks()) {
            throw new CorruptImageException(
                    layer.image.toString(),
                    "its device starts at block " + device.uniaddrBlock() + ", within its own " + areas.blocks());
        }
        return ByteSource.joined(
                ByteSource.of(channel),
                areas.lengthBytes(),
                ByteSource.of(data),
                device.uniaddrBlock() << areas.blockBits());
    }

    private void copyWhatMustBe() throws IOException {
        boolean mixed = members.stream()
                        .map(member -> member.image.superblock().areas().blockBits())
                        .distinct()
                        .count()
                > 1;
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            String reason = obstacle(member, mixed);
            if (reason != null) {
                StoredBlob blob = copies.copy(member.image, contents(member.file), reason);
                ErofsImage copy = ErofsImage.open(member.image.name(), open(blob.blob()));
                members.set(i, new Member(member.file, copy, blob.diffId().hex(), blob));
            }
        }
    }

    private static @Nullable String obstacle(Member member, boolean mixed) throws IOException {
        int blockSizeBytes = member.image.superblock().areas().blockSizeBytes();
        if (mixed && blockSizeBytes != VerityGeometry.STANDARD.dataBlockSizeBytes()) {
            return "its blocks have " + blockSizeBytes + " bytes, those of other layers have not";
        }
        if (member.image.devices().size() == 1 && member.file.data.equals(member.file.image)) {
            return "its data is a second device, in the same file";
        }
        return MergeObstacle.of(member.image);
    }

    /** Digest of all of a layer's bytes. */
    private static Digest contents(LayerFile layer) throws IOException {
        Sha256 sha256 = Sha256.create();
        List<Path> files = layer.data.equals(layer.image) ? List.of(layer.image) : List.of(layer.image, layer.data);
        for (Path file : files) {
            try (FileChannel bytes = FileChannel.open(file, READ)) {
                sha256.update(bytes);
            }
        }
        return Digest.of(sha256.digest());
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
        return members.stream()
                .map(member -> new LayerImage(member.image, member.tag))
                .toList();
    }

    /** Where the data of each layer lies that the merged metadata points to. */
    public List<Path> dataFiles() {
        return members.stream()
                .map(member -> member.copy == null ? member.file.data : member.copy.blob())
                .toList();
    }

    /** Reads and hashes everything and puts the device together. */
    public FlattenedDevice flatten(FsmetaFile fsmeta) throws IOException {
        VerityGeometry geometry =
                new VerityGeometry(fsmeta.merged().blockSizeBytes(), VerityGeometry.STANDARD.hashBlockSizeBytes());
        List<DevicePart> parts = new ArrayList<>();
        parts.add(fsmeta.part(geometry));
        for (Member member : members) {
            parts.add(
                    member.copy == null ? DevicePart.hashing(member.tag, data(member), geometry) : member.copy.part());
        }
        return FlattenedDevice.compose(parts);
    }

    private static Extent data(Member member) throws IOException {
        ErofsImage image = member.image;
        List<DeviceSlot> devices = image.devices();
        long blocks = devices.isEmpty()
                ? image.superblock().areas().blocks()
                : devices.getFirst().blocks();
        Path file = member.file.data;
        // A tar need not end with a whole block; what is short is zeroes on the device.
        long sizeBytes = Math.min(blocks * image.superblock().areas().blockSizeBytes(), Files.size(file));
        return new Extent.FileExtent(0, sizeBytes, file.toAbsolutePath(), 0);
    }

    @Override
    public void close() throws IOException {
        for (FileChannel channel : open) {
            channel.close();
        }
    }
}
