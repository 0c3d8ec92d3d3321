package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.CorruptImageException;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Layer blobs in a directory:
 *
 * <pre>
 * blobs/DIFFID.FORMAT.VERITYROOT/layer.erofs    the blob
 * blobs/DIFFID.FORMAT.VERITYROOT/leaves         its level-0 hashes
 * blobs/DIFFID.FORMAT.VERITYROOT/level1         the hashes of the blocks of leaves, all that a composition reads
 * blobs/DIFFID.FORMAT.VERITYROOT/recipe         what turns the blob into the layer's tar again
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
    private static final String LOCK = "lock";

    private final Path blobs;
    private final Path staging;
    private final AtomicLong sequence = new AtomicLong();

    private BlobStore(Path blobs, Path staging) {
        this.blobs = blobs;
        this.staging = staging;
    }

    /** Opens the store in {@code root}, making it (mode 0700) when it is new, and sweeps what dead processes left. */
    public static BlobStore open(Path root) throws IOException {
        var ownerOnly = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        Files.createDirectories(root, ownerOnly);
        BlobStore store = new BlobStore(
                Files.createDirectories(root.resolve("blobs"), ownerOnly),
                Files.createDirectories(root.resolve("staging"), ownerOnly));
        store.sweep();
        return store;
    }

    /**
     * Our own conversion of a layer, if it is here.
     *
     * @throws IOException if the directory cannot be read, or a blob's files contradict each other in length
     */
    public Optional<StoredBlob> find(Digest diffId) throws IOException {
        String prefix = diffId.hex() + "." + FORMAT_VERSION + ".";
        List<Path> found;
        try (Stream<Path> entries = Files.list(blobs)) {
            found = entries.filter(entry -> entry.getFileName().toString().startsWith(prefix))
                    .sorted()
                    .toList();
        }
        if (found.isEmpty()) {
            return Optional.empty();
        }
        Path directory = found.getFirst();
        String verityRoot = directory.getFileName().toString().substring(prefix.length());
        return Optional.of(load(directory, diffId, Digest.parse("sha256:" + verityRoot)));
    }

    /** What writes a blob, its leaves and its recipe from their beginnings on. */
    @FunctionalInterface
    public interface Conversion {
        /** Writes the three files. */
        void write(FileChannel blob, FileChannel leaves, FileChannel recipe) throws IOException;
    }

    /**
     * Adds a layer. On return it is durable; on any failure nothing of it is left. When another process has added the
     * same layer meanwhile, that one's blob serves: its bytes are the same.
     */
    public StoredBlob add(Digest diffId, Conversion conversion) throws IOException {
        Path building = Files.createDirectory(
                staging.resolve(ProcessHandle.current().pid() + "-" + sequence.incrementAndGet()));
        try (FileChannel lock = FileChannel.open(building.resolve(LOCK), CREATE_NEW, WRITE);
                FileLock held = lock.lock()) {
            if (!held.isValid()) {
                throw new AssertionError("a lock just taken");
            }
            Path content = Files.createDirectory(building.resolve("content"));
            PartHashes hashes;
            try (FileChannel blob = FileChannel.open(content.resolve(BLOB), CREATE_NEW, READ, WRITE);
                    FileChannel leaves = FileChannel.open(content.resolve(LEAVES), CREATE_NEW, READ, WRITE);
                    FileChannel recipe = FileChannel.open(content.resolve(RECIPE), CREATE_NEW, READ, WRITE);
                    FileChannel level1 = FileChannel.open(content.resolve(LEVEL1), CREATE_NEW, READ, WRITE)) {
                conversion.write(blob, leaves, recipe);
                hashes = PartHashes.ofLeaves(VerityGeometry.STANDARD, leaves);
                ByteBuffer bytes = ByteBuffer.wrap(hashes.level1());
                while (bytes.hasRemaining()) {
                    level1.write(bytes);
                }
                blob.force(true);
                leaves.force(true);
                recipe.force(true);
                level1.force(true);
            }
            force(content);
            Digest verityRoot = hashes.rootHash();
            Path target = blobs.resolve(diffId.hex() + "." + FORMAT_VERSION + "." + verityRoot.hex());
            publish(content, target);
            return load(target, diffId, verityRoot);
        } finally {
            delete(building);
        }
    }

    private void publish(Path content, Path target) throws IOException {
        try {
            Files.move(content, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException failure) {
            if (!Files.isDirectory(target)) {
                throw failure;
            }
            // Another process was first. Its blob has the same name, hence the same bytes.
        }
        force(blobs);
    }

    private static StoredBlob load(Path directory, Digest diffId, Digest verityRoot) throws IOException {
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
        if (!hashes.rootHash().equals(verityRoot)) {
            throw damaged(directory, "its level1 gives the root " + hashes.rootHash());
        }
        return new StoredBlob(diffId, hashes, blob, leaves, directory.resolve(RECIPE));
    }

    private static CorruptImageException damaged(Path directory, String how) {
        return new CorruptImageException(
                "stored layer " + directory, how + "; delete the directory to convert the layer again");
    }

    /** Removes staging directories whose maker is gone: nobody holds their lock. */
    private void sweep() throws IOException {
        List<Path> left;
        try (Stream<Path> entries = Files.list(staging)) {
            left = entries.toList();
        }
        for (Path building : left) {
            if (isAbandoned(building)) {
                delete(building);
            }
        }
    }

    private static boolean isAbandoned(Path building) throws IOException {
        Path lockFile = building.resolve(LOCK);
        // A directory without its lock file is between its making and its locking, or its maker died right there; a
        // living maker writes its pid into the name, so that the two can be told apart.
        if (!Files.exists(lockFile)) {
            return !isAlive(building.getFileName().toString());
        }
        try (FileChannel lock = FileChannel.open(lockFile, CREATE, WRITE);
                FileLock taken = lock.tryLock()) {
            return taken != null;
        } catch (OverlappingFileLockException ours) {
            return false;
        }
    }

    private static boolean isAlive(String name) {
        int dash = name.indexOf('-');
        try {
            return dash > 0
                    && ProcessHandle.of(Long.parseLong(name.substring(0, dash))).isPresent();
        } catch (NumberFormatException notOurs) {
            return false;
        }
    }

    private static void force(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, READ)) {
            channel.force(true);
        }
    }

    private static void delete(Path tree) throws IOException {
        List<Path> deepestFirst;
        try (Stream<Path> entries = Files.walk(tree)) {
            deepestFirst = entries.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : deepestFirst) {
            Files.deleteIfExists(path);
        }
    }
}
