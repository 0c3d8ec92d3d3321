package io.lamina.host.shim;

import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.RawWriter;
import io.lamina.images.device.VhdFooter;
import io.lamina.images.device.VmdkDescriptor;
import io.lamina.images.oci.Digest;
import io.lamina.shim.attachment.Attachment.Form;
import io.lamina.shim.hcs.LcowImage;
import io.lamina.shim.kata.DmVeritySidecar;
import io.lamina.shim.kata.KataGoMounts;
import io.lamina.shim.kata.LayerContentCache;
import io.lamina.shim.verity.VerityFile;
import io.lamina.shim.vhdx.Vhdx;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Makes the forms of an image in a directory that all its attachments share. A form that is there is whole: it was
 * written beside, forced, and renamed.
 */
public final class ImageForms {
    private final Path directory;
    private final FlattenedDevice device;
    private final List<StoredBlob> layers;
    private final SortedMap<Form, Path> files = new TreeMap<>();

    /**
     * Prepares to make forms of a device.
     *
     * @param directory is made if it is missing
     * @param layers of the device, base first; for the forms that point to them
     */
    public ImageForms(Path directory, FlattenedDevice device, List<StoredBlob> layers) throws IOException {
        this.directory = Files.createDirectories(directory);
        this.device = device;
        this.layers = List.copyOf(layers);
    }

    /** What was made or found. */
    public SortedMap<Form, Path> files() {
        return files;
    }

    /** Writes one file. */
    @FunctionalInterface
    private interface Content {
        void write(Path building, FileChannel target) throws IOException;
    }

    private Path make(Form form, String name, Content content) throws IOException {
        Path file = directory.resolve(name);
        files.put(form, file);
        if (Files.exists(file)) {
            return file;
        }
        Path building = directory.resolve(name + "." + ProcessHandle.current().pid() + "~");
        Files.deleteIfExists(building);
        try (FileChannel target = FileChannel.open(
                building, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            content.write(building, target);
            target.force(true);
        }
        Files.move(building, file, StandardCopyOption.ATOMIC_MOVE);
        return file;
    }

    /** The whole device in one file, whose name is the one that Kata's Go runtime looks for; and its sidecar. */
    public void raw() throws IOException {
        make(Form.RAW, KataGoMounts.LAYER_NAME, (_, target) -> device.writeRaw(target));
        sidecar(Form.RAW_DMVERITY, KataGoMounts.LAYER_NAME, device.rootHash(), VerityFile.hashOffsetBytes(device));
    }

    /** An image with nothing in it, with its tree and sidecar. */
    public void empty() throws IOException {
        String name = "empty.erofs";
        try (EmptyLayer nothing = EmptyLayer.in(directory)) {
            FlattenedDevice empty = nothing.device();
            make(Form.EMPTY, name, (_, target) -> empty.writeRaw(target));
            sidecar(Form.EMPTY_DMVERITY, name, empty.rootHash(), VerityFile.hashOffsetBytes(empty));
        }
    }

    private void sidecar(Form form, String name, Digest rootHash, long hashOffset) throws IOException {
        byte[] content = DmVeritySidecar.of(rootHash, hashOffset).write();
        String file = LayerContentCache.sidecar(Path.of(name)).toString();
        make(form, file, (_, target) -> RawWriter.writeFully(target, ByteBuffer.wrap(content), 0));
    }

    /** A descriptor of hard links to the blobs, which stay when the store gives the blobs up. */
    void vmdk() throws IOException {
        FlattenedDevice linked = device;
        for (StoredBlob layer : layers) {
            for (Path file : List.of(layer.blob(), layer.leaves())) {
                Path link = directory.resolve(layer.diffId().hex() + "-" + file.getFileName());
                try {
                    Files.createLink(link, file);
                } catch (FileAlreadyExistsException there) {
                    // Linked for an earlier attachment.
                }
                linked = linked.withFileNamed(file, link);
            }
        }
        Path parts = directory.resolve("image.vmdk.parts");
        Path building = directory.resolve("image.vmdk.parts~");
        FlattenedDevice stored = linked.withRestIn(building, file -> !file.startsWith("/proc"));
        FlattenedDevice named = stored.withFileNamed(building, parts);
        Files.move(building, parts, StandardCopyOption.ATOMIC_MOVE);
        byte[] text = VmdkDescriptor.of(named).getBytes(StandardCharsets.UTF_8);
        make(Form.VMDK, "image.vmdk", (_, target) -> RawWriter.writeFully(target, ByteBuffer.wrap(text), 0));
    }

    /** The forms that Hyper-V takes: ext4 for today's guests, EROFS for those that know it. Answers ext4's root hash. */
    Digest hyperV() throws IOException {
        erofsDisks();
        return lcow();
    }

    private void erofsDisks() throws IOException {
        make(Form.EROFS_VHD, "erofs.vhd", (_, target) -> {
            device.writeRaw(target);
            RawWriter.writeFully(target, VhdFooter.of(device), device.sizeBytes());
        });
        make(Form.EROFS_VHDX, "erofs.vhdx", (_, target) -> Vhdx.write(device, target));
    }

    /** The form that hcsshim's guests take today, in a directory of its own. Answers ext4's root hash. */
    public Digest lcow() throws IOException {
        Digest[] root = new Digest[1];
        Path layer = Files.createDirectories(directory.resolve("lcow"));
        String name = layer.getFileName() + "/" + LcowImage.LAYER_NAME;
        make(Form.EXT4_VHD, name, (building, target) -> {
            root[0] = LcowImage.write(device, building, target);
            AttachmentDirectory.write(
                    directory.resolve("lcow.root"), root[0].hex().getBytes(StandardCharsets.US_ASCII));
        });
        return root[0] != null ? root[0] : Digest.parse("sha256:" + Files.readString(directory.resolve("lcow.root")));
    }
}
