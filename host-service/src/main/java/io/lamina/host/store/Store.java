package io.lamina.host.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** All that Lamina keeps: blobs, merged metadata, snapshots, and who uses them. Any thread may call. */
public final class Store implements AutoCloseable {
    private final StoreRoot root;
    private final List<StoreLock> locks;
    private final List<AdditionalStore> additional;
    private final Database database;
    private final BlobStore blobs;
    private final SnapshotStore snapshots;
    private final LayerStore layers;
    private final FsmetaStore fsmetas;
    private final AttachmentStore attachments;
    private final ImageStore images;
    private final LeaseStore leases;

    private Store(StoreRoot root, List<StoreLock> locks, Database database, List<AdditionalStore> additional)
            throws IOException {
        BlobStore blobs = BlobStore.open(root.images(), additional);
        this.additional = additional;
        this.root = root;
        this.locks = locks;
        this.database = database;
        this.blobs = blobs;
        this.snapshots = new SnapshotStore(database, new SnapshotDirectories(root.snapshots()));
        this.layers = new LayerStore(database, blobs, additional);
        this.fsmetas = new FsmetaStore(database, root.fsmeta(), root.staging());
        this.attachments = new AttachmentStore(database);
        this.images = new ImageStore(database, layers, additional, this::publishAgain);
        this.leases = new LeaseStore(database);
    }

    /**
     * Opens a store for a daemon, which has it alone, and cleans up after one that died.
     *
     * @throws IOException if another daemon has it, with that one's pid
     */
    public static Store openForDaemon(StoreRoot root) throws IOException {
        root.make();
        List<StoreLock> locks = new ArrayList<>();
        try {
            locks.add(StoreLock.take(root.state().resolve("state.lock"), "the store " + root.state()));
            locks.add(StoreLock.take(root.images().resolve("images.lock"), "the image store " + root.images()));
            Store store = open(root, locks);
            store.sweep();
            return store;
        } catch (IOException | RuntimeException failure) {
            for (StoreLock lock : locks) {
                lock.close();
            }
            throw failure;
        }
    }

    /** Opens a store beside a daemon that may have it: for looking at it, checking it and collecting garbage. */
    public static Store openBeside(StoreRoot root) throws IOException {
        root.make();
        return open(root, List.of());
    }

    private static Store open(StoreRoot root, List<StoreLock> locks) throws IOException {
        List<AdditionalStore> additional = new ArrayList<>();
        try {
            for (Path path : root.additional()) {
                additional.add(AdditionalStore.open(path));
            }
            Database database = Database.open(root.database());
            try {
                return new Store(root, locks, database, additional);
            } catch (IOException | RuntimeException failure) {
                database.close();
                throw failure;
            }
        } catch (IOException | RuntimeException failure) {
            for (AdditionalStore store : additional) {
                store.close();
            }
            throw failure;
        }
    }

    /** Directories without rows go, rows without directories get new ones: only a loss of power can have parted them. */
    private void sweep() throws IOException {
        SnapshotDirectories directories = snapshots.directories();
        Set<Long> written = new HashSet<>();
        for (Snapshot snapshot : snapshots.all()) {
            if (snapshot.kind() != Snapshot.Kind.COMMITTED) {
                directories.ensure(snapshot.id());
                written.add(snapshot.id());
            }
        }
        for (long id : directories.numbers()) {
            if (!written.contains(id)) {
                directories.discard(id);
            }
        }
        directories.emptyTrash();
    }

    /** Publishes what has changed, where the store was published before. */
    void publishAgain() throws IOException {
        if (Publication.isPublished(root)) {
            Path _ = Publication.publish(this);
        }
    }

    /** Where it lies. */
    public StoreRoot root() {
        return root;
    }

    /** The snapshots. */
    public SnapshotStore snapshots() {
        return snapshots;
    }

    /** The layer blobs. */
    public LayerStore layers() {
        return layers;
    }

    /** The merged metadata. */
    public FsmetaStore fsmetas() {
        return fsmetas;
    }

    /** Who uses what. */
    public AttachmentStore attachments() {
        return attachments;
    }

    /** The images and their names. */
    public ImageStore images() {
        return images;
    }

    /** What keeps layers that are in the making or in use outside any snapshot or image. */
    public LeaseStore leases() {
        return leases;
    }

    BlobStore blobs() {
        return blobs;
    }

    Database database() {
        return database;
    }

    @Override
    public void close() throws IOException {
        database.close();
        for (AdditionalStore store : additional) {
            store.close();
        }
        for (StoreLock lock : locks) {
            lock.close();
        }
    }
}
