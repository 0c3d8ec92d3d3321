package io.lamina.host.content;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonParser;
import io.lamina.images.oci.Digest;
import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/**
 * An OCI image layout (OCI image-spec v1.1.1, image-layout.md) that images are put into:
 *
 * <pre>
 * oci-layout  index.json     the names, each of a manifest or index
 * blobs/sha256/HEX           manifests, configurations, layers; written once
 * ingest/HEX                 a blob in the making; one that broke off is continued
 * lock                       held by whoever changes index.json or takes blobs away
 * </pre>
 *
 * <p>A blob appears whole, right and on disk under its name, or not at all; a name only speaks of what is there. Several
 * processes and threads may use one directory at once.
 */
public final class ContentStore {
    private static final String LAYOUT = "{\"imageLayoutVersion\":\"1.0.0\"}";
    private static final String EMPTY_INDEX =
            "{\"manifests\":[],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}";

    /** What nobody has named for so long is no pull or import under way. */
    private static final Duration ABANDONED = Duration.ofHours(24);

    private final Path root;
    private final ReentrantLock changing = new ReentrantLock();

    private ContentStore(Path root) {
        this.root = root;
    }

    /** Opens the layout in {@code root}, making it where there is none. */
    public static ContentStore open(Path root) throws IOException {
        Files.createDirectories(root.resolve("blobs/sha256"));
        Files.createDirectories(root.resolve("ingest"));
        ContentStore store = new ContentStore(root);
        store.makeIfMissing("oci-layout", LAYOUT);
        store.makeIfMissing("index.json", EMPTY_INDEX);
        return store;
    }

    private void makeIfMissing(String name, String content) throws IOException {
        if (Files.notExists(root.resolve(name))) {
            locked(() -> {
                if (Files.notExists(root.resolve(name))) {
                    replace(name, content.getBytes(StandardCharsets.UTF_8));
                }
                return name;
            });
        }
    }

    /** The directory. */
    public Path root() {
        return root;
    }

    /** Where the blob is if it is here. */
    public Path path(Digest digest) {
        return root.resolve("blobs/sha256").resolve(digest.hex());
    }

    /** Whether the blob is here. */
    public boolean has(Digest digest) {
        return Files.isRegularFile(path(digest));
    }

    /** Notes that a blob is wanted now, so that no collection takes it away; false if it is not here. */
    public boolean touch(Digest digest) throws IOException {
        if (!has(digest)) {
            return false;
        }
        Files.setLastModifiedTime(path(digest), FileTime.from(Instant.now()));
        return true;
    }

    /** A small blob, whole and right. */
    public byte[] read(Digest digest) throws IOException {
        Path file = path(digest);
        long size = Files.size(file);
        if (size > JsonParser.MAX_TEXT_BYTES) {
            throw new CorruptImageException(
                    file.toString(), "has " + size + " bytes, at most " + JsonParser.MAX_TEXT_BYTES);
        }
        byte[] bytes = Files.readAllBytes(file);
        Digest found = Digest.ofContent(bytes);
        if (!found.equals(digest)) {
            throw new CorruptImageException(file.toString(), "has the digest " + found);
        }
        return bytes;
    }

    /** Puts a small blob. */
    public Digest put(byte[] bytes) throws IOException {
        Digest digest = Digest.ofContent(bytes);
        if (!touch(digest)) {
            try (Ingest ingest = Ingest.begin(this, digest)) {
                if (!ingest.isThere()) {
                    ingest.restart();
                    ingest.write(ByteBuffer.wrap(bytes));
                    ingest.commit();
                }
            }
        }
        return digest;
    }

    /** Puts a blob from a stream, which is read to its end; it must have that digest. */
    public void put(Digest digest, InputStream content) throws IOException {
        if (touch(digest)) {
            return;
        }
        try (Ingest ingest = Ingest.begin(this, digest)) {
            if (ingest.isThere()) {
                return;
            }
            boolean done = false;
            try {
                ingest.restart();
                byte[] piece = new byte[Ingest.PIECE_BYTES];
                for (int count; (count = content.read(piece)) >= 0; ) {
                    ingest.write(ByteBuffer.wrap(piece, 0, count));
                }
                ingest.commit();
                done = true;
            } finally {
                if (!done) {
                    ingest.discard();
                }
            }
        }
    }

    /** Takes a blob away that nothing names and nobody will. */
    public void remove(Digest digest) throws IOException {
        Files.deleteIfExists(path(digest));
    }

    /** A file for what is made on the way to a blob elsewhere; the caller deletes it, or a collection a day later. */
    public Path temporary() throws IOException {
        return Files.createTempFile(root.resolve("ingest"), "made-", "");
    }

    /** All names, in the order of the index. */
    public List<ImageName> names() throws IOException {
        return ImageName.parseAll(index());
    }

    /** The image of this name. */
    public Optional<ImageName> find(String name) throws IOException {
        return names().stream().filter(entry -> entry.name().equals(name)).findFirst();
    }

    /** Gives a name to a manifest or index that is here with all that it refers to; an earlier image of that name loses it. */
    public void name(ImageName image) throws IOException {
        locked(() -> {
            Map<String, ImageName> all = new LinkedHashMap<>();
            for (ImageName known : names()) {
                all.put(known.name(), known);
            }
            all.put(image.name(), image);
            replace("index.json", ImageName.write(List.copyOf(all.values())));
            return image;
        });
    }

    /** Takes a name away; false if there was none. */
    public boolean forget(String name) throws IOException {
        return locked(() -> {
            List<ImageName> left = new ArrayList<>(names());
            boolean known = left.removeIf(entry -> entry.name().equals(name));
            if (known) {
                replace("index.json", ImageName.write(left));
            }
            return known;
        });
    }

    /**
     * What a collection took away.
     *
     * @param blobs how many
     * @param bytes of them
     */
    public record Collected(long blobs, long bytes) {}

    /**
     * Takes away blobs that no name leads to, and downloads that were given up a day ago.
     *
     * @param unnamedFor blobs younger than this stay: a pull may be about to name them
     */
    public Collected collect(Duration unnamedFor) throws IOException {
        return locked(() -> {
            Set<Digest> needed = new HashSet<>();
            for (ImageName image : names()) {
                needed.addAll(ImageContent.reachable(this, image.target()));
            }
            Instant before = Instant.now().minus(unnamedFor);
            long blobs = 0;
            long bytes = 0;
            for (Path file : files("blobs/sha256")) {
                String hex = String.valueOf(file.getFileName());
                boolean kept = hex.matches("[0-9a-f]{64}") && needed.contains(new Digest(hex));
                if (!kept && Files.getLastModifiedTime(file).toInstant().isBefore(before)) {
                    bytes += Files.size(file);
                    Files.delete(file);
                    blobs++;
                }
            }
            for (Path file : files("ingest")) {
                if (Files.getLastModifiedTime(file)
                        .toInstant()
                        .isBefore(Instant.now().minus(ABANDONED))) {
                    Files.deleteIfExists(file);
                }
            }
            return new Collected(blobs, bytes);
        });
    }

    private List<Path> files(String directory) throws IOException {
        try (Stream<Path> files = Files.list(root.resolve(directory))) {
            return files.sorted().toList();
        }
    }

    private byte[] index() throws IOException {
        Path file = root.resolve("index.json");
        if (Files.size(file) > JsonParser.MAX_TEXT_BYTES) {
            throw new CorruptImageException(file.toString(), "is larger than any index");
        }
        return Files.readAllBytes(file);
    }

    /** What is done while nobody else changes the names. */
    @FunctionalInterface
    private interface Change<T> {
        T run() throws IOException;
    }

    private <T> T locked(Change<T> change) throws IOException {
        changing.lock();
        try (FileChannel file = FileChannel.open(root.resolve("lock"), CREATE, WRITE);
                FileLock held = lock(file)) {
            if (!held.isValid()) {
                throw new AssertionError("a lock just taken");
            }
            return change.run();
        } finally {
            changing.unlock();
        }
    }

    /** Locks of files are between processes; two stores of one directory in one process take turns here. */
    private static FileLock lock(FileChannel file) throws IOException {
        synchronized (ContentStore.class) {
            while (true) {
                try {
                    return file.lock();
                } catch (java.nio.channels.OverlappingFileLockException ours) {
                    try {
                        Thread.sleep(20);
                    } catch (InterruptedException interrupted) {
                        Thread.currentThread().interrupt();
                        throw new java.io.InterruptedIOException("cancelled");
                    }
                }
            }
        }
    }

    private void replace(String name, byte[] content) throws IOException {
        Path building = root.resolve(name + ".new");
        Files.deleteIfExists(building);
        try (FileChannel file = FileChannel.open(building, CREATE, WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
            file.force(true);
        }
        Files.move(building, root.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        DirectoryTree.force(root);
    }

    /** Gives a finished file its name. */
    void publish(Path finished, Digest digest) throws IOException {
        try {
            Files.move(finished, path(digest), StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException madeMeanwhile) {
            Files.deleteIfExists(finished);
        }
        DirectoryTree.force(root.resolve("blobs/sha256"));
    }

    Path ingest(Digest digest) {
        return root.resolve("ingest").resolve(digest.hex());
    }
}
