package io.lamina.host.store;

import io.lamina.images.CorruptImageException;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Layer blobs in a directory:
 *
 * <pre>
 * blobs/DIFFID.FORMAT.VERITYROOT/layer.erofs    the blob
 * blobs/DIFFID.FORMAT.VERITYROOT/leaves         its level-0 hashes
 * blobs/DIFFID.FORMAT.VERITYROOT/level1         the hashes of the blocks of leaves, all that a composition reads
 * blobs/DIFFID.FORMAT.VERITYROOT/recipe         what turns the blob into the layer's tar again
 * blobs/DIFFID.FORMAT.VERITYROOT/foreign        empty; there while nobody but another has converted the layer to this
 * staging/PID-N/                                a blob in the making, its "lock" held by the process that makes it
 * </pre>
 *
 * <p>The directory's name is the whole record: the diffID says what was converted, the format version by which rules, and
 * the verity root which bytes came out. Several processes may use one directory at once.
 */
public final class BlobStore {
    /** Version of the rules by which a tar becomes a blob: another version's blobs are other blobs. */
    public static final int FORMAT_VERSION = 1;

    private static final String BLOB = "layer.erofs";
    private static final String LEAVES = "leaves";
    private static final String LEVEL1 = "level1";
    private static final String RECIPE = "recipe";
    private static final String FOREIGN = "foreign";

    private final Path blobs;
    private final Path staging;
    private final List<AdditionalStore> additional;
    private final boolean readOnly;

    private BlobStore(Path blobs, Path staging, List<AdditionalStore> additional, boolean readOnly) {
        this.blobs = blobs;
        this.staging = staging;
        this.additional = additional;
        this.readOnly = readOnly;
    }

    /** Opens the store in {@code root}, making it (mode 0700) when it is new, and sweeps what dead processes left. */
    public static BlobStore open(Path root) throws IOException {
        return open(root, List.of());
    }

    /** The blobs of a store of others, which is only read. */
    static BlobStore readOnly(Path root) {
        return new BlobStore(root.resolve("blobs"), root.resolve("staging"), List.of(), true);
    }

    /** As {@link #open(Path)}, with stores behind it in which is looked, in their order, for what is not here. */
    static BlobStore open(Path root, List<AdditionalStore> additional) throws IOException {
        var ownerOnly = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        Files.createDirectories(root, ownerOnly);
        BlobStore store = new BlobStore(
                Files.createDirectories(root.resolve("blobs"), ownerOnly),
                Files.createDirectories(root.resolve("staging"), ownerOnly),
                List.copyOf(additional),
                false);
        StagedDirectory.sweep(store.staging);
        return store;
    }

    /** The directory that it lies in. */
    public Path root() {
        return Objects.requireNonNull(blobs.getParent());
    }

    /**
     * Our own conversion of a layer, if it is here.
     *
     * @throws IOException if the directory cannot be read, or a blob's files contradict each other in length
     */
    public Optional<StoredBlob> find(Digest diffId) throws IOException {
        String prefix = diffId.hex() + "." + FORMAT_VERSION + ".";
        for (BlobName name : names()) {
            if (name.toString().startsWith(prefix) && !isForeign(name)) {
                touch(name);
                return Optional.of(load(name));
            }
        }
        for (AdditionalStore store : additional) {
            Optional<StoredBlob> found = store.blobs().find(diffId);
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    /** What writes a blob, its leaves and its recipe from their beginnings on. */
    @FunctionalInterface
    public interface Conversion {
        /** Writes the three files and tells the layer's diffID. */
        Digest write(FileChannel blob, FileChannel leaves, FileChannel recipe) throws IOException;
    }

    /**
     * Adds a layer. On return it is durable; on any failure nothing of it is left. When another process has added the
     * same layer meanwhile, that one's blob serves: its bytes are the same.
     */
    public StoredBlob add(Conversion conversion) throws IOException {
        try (StagedDirectory building = StagedDirectory.in(staging)) {
            BlobName name = write(building, conversion);
            building.publish(blobs.resolve(name.toString()));
            if (isForeign(name)) {
                // We have made the same bytes ourselves, so they may serve every image from now on.
                Files.deleteIfExists(blobs.resolve(name.toString()).resolve(FOREIGN));
                DirectoryTree.force(blobs.resolve(name.toString()));
            }
            return load(name);
        }
    }

    /**
     * Adds what somebody else has converted a layer to. It serves those who ask for it by its whole name, such as an image
     * whose statement names it, and never an image that merely has the layer: that it is the layer, nobody has seen.
     *
     * @param name what it must turn out to be
     * @param conversion writes it, and tells the diffID in {@code name}
     * @throws CorruptImageException if its root hash is another
     */
    public StoredBlob addForeign(BlobName name, Conversion conversion) throws IOException {
        if (isHere(name)) {
            touch(name);
            return load(name);
        }
        try (StagedDirectory building = StagedDirectory.in(staging)) {
            BlobName written = write(building, conversion);
            if (!written.equals(name)) {
                throw new CorruptImageException(
                        "layer " + name.diffId(), "was to be the blob " + name + ", and is " + written);
            }
            building.file(FOREIGN).close();
            building.publish(blobs.resolve(name.toString()));
            return load(name);
        }
    }

    private static BlobName write(StagedDirectory building, Conversion conversion) throws IOException {
        try (FileChannel blob = building.file(BLOB);
                FileChannel leaves = building.file(LEAVES);
                FileChannel recipe = building.file(RECIPE);
                FileChannel level1 = building.file(LEVEL1)) {
            Digest diffId = conversion.write(blob, leaves, recipe);
            PartHashes hashes = PartHashes.ofLeaves(VerityGeometry.STANDARD, leaves);
            writeAll(level1, ByteBuffer.wrap(hashes.level1()));
            blob.force(true);
            leaves.force(true);
            recipe.force(true);
            level1.force(true);
            return new BlobName(diffId, FORMAT_VERSION, hashes.rootHash());
        }
    }

    private boolean isForeign(BlobName name) {
        return Files.exists(blobs.resolve(name.toString()).resolve(FOREIGN));
    }

    /** The blob of this name, if it is here. */
    public Optional<StoredBlob> get(BlobName name) throws IOException {
        if (isHere(name)) {
            return Optional.of(load(name));
        }
        for (AdditionalStore store : additional) {
            if (store.blobs().isHere(name)) {
                return store.blobs().get(name);
            }
        }
        return Optional.empty();
    }

    /** Whether a blob is here or in a store behind this one. */
    boolean isAnywhere(BlobName name) {
        return isHere(name) || elsewhere(name).isPresent();
    }

    /** The read-only store that a blob is taken from; empty where it is here, or nowhere. */
    Optional<Path> elsewhere(BlobName name) {
        return isHere(name)
                ? Optional.empty()
                : additional.stream()
                        .filter(store -> store.blobs().isHere(name))
                        .map(AdditionalStore::root)
                        .findFirst();
    }

    /**
     * The blob in a file of this store. One that lies in a read-only store is copied, and compared with its hashes as it
     * is: this is for readers that check nothing, such as this host's kernel.
     */
    StoredBlob bringHere(BlobName name, StoredBlob blob) throws IOException {
        if (!blob.elsewhere()) {
            return blob;
        }
        try (StagedDirectory building = StagedDirectory.in(staging);
                BlobSource source = blob.open()) {
            BlobName written = write(building, (target, leaves, recipe) -> {
                LeafHasher hasher = new LeafHasher(VerityGeometry.STANDARD);
                byte[] piece = new byte[FlattenedDevice.PART_ALIGNMENT_BYTES];
                byte[] hashes = new byte[piece.length / VerityGeometry.STANDARD.dataBlockSizeBytes() * Digest.BYTES];
                for (long at = 0; at < source.lengthBytes(); at += piece.length) {
                    source.read(at, piece, 0, piece.length);
                    hasher.hash(ByteBuffer.wrap(piece), hashes, 0);
                    writeAll(target, ByteBuffer.wrap(piece));
                    writeAll(leaves, ByteBuffer.wrap(hashes));
                }
                if (Files.exists(blob.recipe())) {
                    writeAll(recipe, ByteBuffer.wrap(Files.readAllBytes(blob.recipe())));
                }
                return name.diffId();
            });
            if (!written.equals(name)) {
                throw new CorruptImageException(
                        "layer " + name.diffId(), blob.blob() + " became another while it was read");
            }
            building.publish(blobs.resolve(name.toString()));
            return load(name);
        }
    }

    private static void writeAll(FileChannel file, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            file.write(bytes);
        }
    }

    /** Whether there is anything of this name. */
    boolean isHere(BlobName name) {
        return Files.isDirectory(blobs.resolve(name.toString()));
    }

    /** Bytes that the blob itself has. */
    long sizeBytes(BlobName name) throws IOException {
        return Files.size(blobs.resolve(name.toString()).resolve(BLOB));
    }

    /** All blobs that are here, of any format version. */
    List<BlobName> names() throws IOException {
        List<BlobName> names = new ArrayList<>();
        for (Path directory : DirectoryTree.entries(blobs)) {
            BlobName.parse(directory.getFileName().toString()).ifPresent(names::add);
        }
        return names;
    }

    /** When a blob was last asked for, in milliseconds since 1970; 0 when it is not here. */
    long usedMillis(BlobName name) {
        return blobs.resolve(name.toString()).toFile().lastModified();
    }

    /** Notes that a blob is used now. */
    void touch(BlobName name) throws IOException {
        if (readOnly || !isHere(name)) {
            return;
        }
        Files.setLastModifiedTime(blobs.resolve(name.toString()), FileTime.fromMillis(System.currentTimeMillis()));
    }

    /** Takes a blob away; whoever has its files open keeps them. */
    void remove(BlobName name) throws IOException {
        DirectoryTree.delete(StagedDirectory.discard(blobs.resolve(name.toString()), staging));
    }

    /** Puts a damaged blob aside, where nothing finds it but a person. */
    Path quarantine(BlobName name) throws IOException {
        Path place = Files.createDirectories(blobs.resolveSibling("quarantine")).resolve(name.toString());
        DirectoryTree.delete(place);
        Files.move(blobs.resolve(name.toString()), place, StandardCopyOption.ATOMIC_MOVE);
        DirectoryTree.force(blobs);
        return place;
    }

    private StoredBlob load(BlobName name) throws IOException {
        Path directory = blobs.resolve(name.toString());
        Path blob = directory.resolve(BLOB);
        Path leaves = directory.resolve(LEAVES);
        long sizeBytes = Files.size(blob);
        long blocks = sizeBytes / VerityGeometry.STANDARD.dataBlockSizeBytes();
        byte[] level1 = Files.readAllBytes(directory.resolve(LEVEL1));
        boolean lengthsAgree = sizeBytes > 0
                && sizeBytes % FlattenedDevice.PART_ALIGNMENT_BYTES == 0
                && Files.size(leaves) == blocks * Digest.BYTES
                && level1.length * (long) VerityGeometry.STANDARD.hashesPerBlock() == Files.size(leaves);
        if (!lengthsAgree) {
            throw damaged(directory, "the lengths of its files do not go together");
        }
        PartHashes hashes = PartHashes.stored(VerityGeometry.STANDARD, blocks, level1);
        if (!hashes.rootHash().equals(name.verityRoot())) {
            throw damaged(directory, "its level1 gives the root " + hashes.rootHash());
        }
        return new StoredBlob(name.diffId(), hashes, blob, leaves, directory.resolve(RECIPE), readOnly);
    }

    private static CorruptImageException damaged(Path directory, String how) {
        return new CorruptImageException(
                "stored layer " + directory, how + "; delete the directory to convert the layer again");
    }
}
