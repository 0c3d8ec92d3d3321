package io.lamina.host.store;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Somebody else's image store, behind ours: on another disk, a network's file system, or part of the machine's image. It is
 * never written and never locked. What images it has is read from the copy of its index that its owner publishes
 * ({@link Publication}); a new copy is noticed. Any thread may call.
 */
public final class AdditionalStore implements AutoCloseable {
    private final Path root;
    private final BlobStore blobs;
    private @Nullable Database index; // guarded by this
    private @Nullable Object version; // of the file that index has open; guarded by this

    private AdditionalStore(Path root) {
        this.root = root;
        this.blobs = BlobStore.readOnly(root);
    }

    /**
     * Opens the store in {@code root}.
     *
     * @throws IOException if there is none, or none that was published
     */
    static AdditionalStore open(Path root) throws IOException {
        AdditionalStore store = new AdditionalStore(root);
        Database _ = store.index();
        return store;
    }

    /** Where it lies. */
    public Path root() {
        return root;
    }

    BlobStore blobs() {
        return blobs;
    }

    /** The images that it has. */
    List<KeptImage> images() throws IOException {
        return index().read(ImageStore::all);
    }

    /** What it calls them. */
    List<ImageStore.Name> names() throws IOException {
        return index().read(connection -> ImageStore.names(connection, Optional.of(root)));
    }

    Optional<KeptImage> find(Digest image) throws IOException {
        return index().read(connection -> ImageStore.find(connection, image));
    }

    Optional<KeptImage> find(String name, String platform) throws IOException {
        return index().read(connection -> ImageStore.find(connection, name, platform));
    }

    Map<String, ImageDocument> documents(Digest image) throws IOException {
        return index().read(connection -> ImageStore.documents(connection, image));
    }

    /** What it has converted a layer to, see {@link LayerStore#converted(Digest)}. */
    Optional<LayerStore.Converted> converted(Digest stored) throws IOException {
        return index().read(connection -> LayerStore.conversion(connection, stored));
    }

    private synchronized Database index() throws IOException {
        Path file = root.resolve(StoreRoot.INDEX);
        if (!Files.isRegularFile(file)) {
            throw new IOException(
                    file
                            + " is not there: the read-only store has gone, or its owner has not published it (lamina store publish)");
        }
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        Object found = List.of(
                Objects.requireNonNullElse(attributes.fileKey(), file),
                attributes.lastModifiedTime(),
                attributes.size());
        Database open = index;
        if (open == null || !found.equals(version)) {
            Database newer = Database.openPublished(file);
            if (open != null) {
                open.close();
            }
            index = newer;
            version = found;
            return newer;
        }
        return open;
    }

    @Override
    public synchronized void close() throws IOException {
        if (index != null) {
            index.close();
            index = null;
        }
    }
}
