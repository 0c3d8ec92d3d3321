package io.lamina.host.containerd;

import io.lamina.host.attach.HostMounts;
import io.lamina.host.attach.Owners;
import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.store.BlobName;
import io.lamina.host.store.DiskSpace;
import io.lamina.host.store.FsmetaStore.StoredFsmeta;
import io.lamina.host.store.RefusedException;
import io.lamina.host.store.RefusedException.Reason;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Snapshot.Kind;
import io.lamina.host.store.Snapshot.Way;
import io.lamina.host.store.SnapshotDirectories;
import io.lamina.host.store.SnapshotStore;
import io.lamina.host.store.Store;
import io.lamina.linux.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * What containerd's snapshotter interface means on Lamina's store (containerd v2.1, core/snapshots/snapshotter.go). Any
 * thread may call.
 */
public final class Snapshotter {
    /** Chooses how a snapshot leaves: {@code host} or {@code vm}. */
    public static final String WAY_LABEL = "containerd.io/snapshot/lamina.way";

    /** The setting {@code runtime}'s word for a device in nobody's words. */
    public static final String NO_RUNTIME = "none";

    private final Store store;
    private final StoredDevices devices;
    private final HostMounts mounts;
    private final Owners owners;
    private final Options options;
    private final UpperLayers uppers;
    private final RuntimeMounts runtimes;

    /**
     * How it behaves.
     *
     * @param way how snapshots leave that no label speaks of
     * @param runtime in whose words those leave that go to machines, where no label says; empty: the device's own
     * @param anyDiffer whether layers are unpacked by others than our differ; then each layer's parents are merged for it
     * @param space refuses what there is no room for
     */
    public record Options(Way way, Optional<String> runtime, boolean anyDiffer, DiskSpace space) {}

    public Snapshotter(Store store, StoredDevices devices, HostMounts mounts, Owners owners, Options options) {
        this.store = store;
        this.devices = devices;
        this.mounts = mounts;
        this.owners = owners;
        this.options = options;
        this.uppers = new UpperLayers(store);
        this.runtimes = new RuntimeMounts(devices, store.snapshots().directories(), mounts.method());
    }

    /** What the setting {@code runtime} can be. */
    public static String[] runtimes() {
        return Stream.concat(Stream.of(NO_RUNTIME), RuntimeMounts.NAMES.stream())
                .toArray(String[]::new);
    }

    /** Makes an active snapshot or a view. */
    List<SnapshotMount> make(Kind kind, String key, Optional<String> parent, Map<String, String> labels)
            throws IOException {
        if (kind == Kind.ACTIVE) {
            options.space.checkRoom("snapshot " + key);
        }
        Way way = way(labels);
        long scratchBytes = ScratchSize.of(labels);
        boolean unpack = kind == Kind.ACTIVE && Snapshot.isUnpack(key);
        if (way == Way.HOST && kind == Kind.ACTIVE && !unpack && scratchBytes > 0) {
            throw new RefusedException(
                    Reason.INVALID_ARGUMENT,
                    "snapshot " + key + ": a label limits what may be written to " + scratchBytes + " bytes, which a"
                            + " directory of this host cannot hold anybody to; take the label away, or the way \"vm\"");
        }
        OptionalLong below = OptionalLong.empty();
        if (parent.isPresent()) {
            Snapshot committed = store.snapshots().parent(parent.get());
            if (!unpack || options.anyDiffer) {
                below = OptionalLong.of(
                        devices.fsmeta(store.snapshots().chain(committed.id())).id());
            }
        }
        Snapshot made = store.snapshots()
                .make(new SnapshotStore.Wanted(
                        key,
                        parent,
                        kind,
                        labels,
                        new Snapshot.Content(way, Optional.empty(), below, scratchBytes, Snapshot.Usage.NONE)));
        try {
            List<SnapshotMount> result = mounts(made);
            if (below.isPresent() && kind == Kind.ACTIVE && way == Way.HOST) {
                takeRootFrom(mounts.place(below.getAsLong()), directories().upper(made.id()));
            }
            return result;
        } catch (IOException | RuntimeException failure) {
            remove(key);
            throw failure;
        }
    }

    /** The merged root directory shows the upper one's owner and mode; they are those of the image's root. */
    private static void takeRootFrom(Path merged, Path upper) throws IOException {
        for (String attribute : new String[] {"unix:uid", "unix:gid", "unix:mode"}) {
            Files.setAttribute(
                    upper,
                    attribute,
                    Files.getAttribute(merged, attribute, LinkOption.NOFOLLOW_LINKS),
                    LinkOption.NOFOLLOW_LINKS);
        }
    }

    private Way way(Map<String, String> labels) throws RefusedException {
        String wanted = labels.get(WAY_LABEL);
        return switch (wanted) {
            case null -> options.way;
            case "host" -> Way.HOST;
            case "vm" -> Way.VM;
            default ->
                throw new RefusedException(
                        Reason.INVALID_ARGUMENT,
                        "label " + WAY_LABEL + " is \"host\" or \"vm\", not \"" + wanted + "\"");
        };
    }

    /** The mounts of an active snapshot or a view; the same each time. */
    List<SnapshotMount> mounts(String key) throws IOException {
        return mounts(store.snapshots().get(key));
    }

    private List<SnapshotMount> mounts(Snapshot snapshot) throws IOException {
        if (snapshot.kind() == Kind.COMMITTED) {
            throw new RefusedException(
                    Reason.FAILED_PRECONDITION, "snapshot " + snapshot.key() + " is committed and has no mounts");
        }
        long id = snapshot.id();
        boolean view = snapshot.kind() == Kind.VIEW;
        OptionalLong fsmeta = snapshot.content().fsmeta();
        if (!view && snapshot.isUnpack()) {
            Path lower = fsmeta.isPresent() && options.anyDiffer
                    ? mounts.ensure(fsmeta.getAsLong())
                    : directories().lower(id);
            return List.of(SnapshotMount.overlay(
                    lower, directories().upper(id), directories().work(id)));
        }
        if (fsmeta.isEmpty()) {
            return List.of(SnapshotMount.bind(directories().upper(id), view));
        }
        if (snapshot.content().way() == Way.VM) {
            String runtime = snapshot.labels().getOrDefault(RuntimeMounts.LABEL, options.runtime.orElse(""));
            return runtime.isEmpty()
                    ? List.of(device(fsmeta.getAsLong()))
                    : runtimes.of(runtime, snapshot, store.fsmetas().get(fsmeta.getAsLong()));
        }
        Path merged = mounts.ensure(fsmeta.getAsLong());
        return List.of(
                view
                        ? SnapshotMount.bind(merged, true)
                        : SnapshotMount.overlay(
                                merged, directories().upper(id), directories().work(id)));
    }

    /** The device as one EROFS mount with its further devices, which a shim takes apart, or containerd mounts. */
    private SnapshotMount device(long fsmeta) throws IOException {
        StoredFsmeta stored = store.fsmetas().get(fsmeta);
        List<String> blobs = new ArrayList<>();
        for (BlobName layer : stored.layers()) {
            blobs.add(store.layers().get(layer).blob().toString());
        }
        return SnapshotMount.erofs(stored.image(), blobs);
    }

    /** Turns an active snapshot into a committed one; a layer that was written by hand is converted here. */
    void commit(String key, String name, Optional<String> parent, Map<String, String> labels) throws IOException {
        Snapshot active = store.snapshots().checkCommit(key, name, parent);
        BlobName blob = layer(active, parent);
        runtimes.release(active.id());
        store.snapshots()
                .commit(new SnapshotStore.Commit(
                        key, name, parent, labels, blob, store.layers().usage(blob)));
        release(active);
    }

    private BlobName layer(Snapshot active, Optional<String> parent) throws IOException {
        Optional<BlobName> applied = active.content().blob();
        boolean empty = uppers.isEmpty(active.id());
        if (applied.isPresent()) {
            if (!empty) {
                throw new RefusedException(
                        Reason.FAILED_PRECONDITION,
                        "snapshot " + active.key() + " was written to after a layer was applied to it");
            }
            return applied.get();
        }
        if (Files.exists(directories().scratch(active.id())) || runtimes.hasDisk(active.id())) {
            throw new RefusedException(
                    Reason.FAILED_PRECONDITION,
                    "snapshot " + active.key()
                            + " was written by a machine, whose file systems this host does not read");
        }
        boolean hasParent = active.parent().isPresent() || parent.isPresent();
        if (active.isUnpack()
                && hasParent
                && !empty
                && active.content().fsmeta().isEmpty()) {
            throw new RefusedException(
                    Reason.FAILED_PRECONDITION,
                    "snapshot " + active.key() + " was unpacked by another differ than Lamina's, which did not see what"
                            + " lies below; let containerd use Lamina's (lamina containerd config), or set unpack = any");
        }
        return uppers.convert(active.id());
    }

    /** Removes a snapshot that nothing uses. */
    void remove(String key) throws IOException {
        owners.endDead();
        Optional<Snapshot> removed = store.snapshots().remove(key, runtimes::release);
        if (removed.isPresent()) {
            release(removed.get());
        }
    }

    private void release(Snapshot ended) throws IOException {
        if (ended.content().fsmeta().isPresent()) {
            mounts.release(ended.content().fsmeta().getAsLong());
        }
    }

    /** Shows another differ, to which ours leaves a layer, what lies below it. */
    void showLower(Snapshot unpack) throws IOException {
        if (unpack.parent().isEmpty() || unpack.content().fsmeta().isPresent()) {
            return;
        }
        long fsmeta = devices.fsmeta(
                        store.snapshots().chain(unpack.parent().get().id()))
                .id();
        store.snapshots().liesOn(unpack.id(), fsmeta);
        Path merged = mounts.ensure(fsmeta);
        Mount.bind(merged.toString(), directories().lower(unpack.id()).toString());
    }

    /** What a snapshot takes of the disk by itself. */
    Snapshot.Usage usage(String key) throws IOException {
        Snapshot snapshot = store.snapshots().get(key);
        return snapshot.kind() == Kind.ACTIVE
                ? uppers.usage(snapshot.id())
                : snapshot.content().usage();
    }

    /** Refuses what there is no room for. */
    void checkRoom(String what) throws IOException {
        options.space.checkRoom(what);
    }

    /** Deletes what was removed. */
    void cleanup() throws IOException {
        directories().emptyTrash();
    }

    SnapshotStore snapshots() {
        return store.snapshots();
    }

    private SnapshotDirectories directories() {
        return store.snapshots().directories();
    }
}
