package io.lamina.host.store;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** All that Lamina keeps: blobs, merged metadata, snapshots, and who uses them. Any thread may call. */
public final class Store implements AutoCloseable {
    private final StoreRoot root;
    private final List<StoreLock> locks;
    private final Database database;
    private final BlobStore blobs;
    private final SnapshotStore snapshots;
    private final LayerStore layers;
    private final FsmetaStore fsmetas;
    private final AttachmentStore attachments;
    private final ImageStore images;
    private final LeaseStore leases;

    private Store(StoreRoot root, List<StoreLock> locks, Database database, BlobStore blobs) {
        this.root = root;
        this.locks = locks;
        this.database = database;
        this.blobs = blobs;
        this.snapshots = new SnapshotStore(database, new SnapshotDirectories(root.snapshots()));
        this.layers = new LayerStore(database, blobs);
        this.fsmetas = new FsmetaStore(database, root.fsmeta(), root.staging());
        this.attachments = new AttachmentStore(database);
        this.images = new ImageStore(database);
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
            Store store = new Store(root, locks, Database.open(root.database()), BlobStore.open(root.images()));
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
        return new Store(root, List.of(), Database.open(root.database()), BlobStore.open(root.images()));
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
        for (StoreLock lock : locks) {
            lock.close();
        }
    }
}
