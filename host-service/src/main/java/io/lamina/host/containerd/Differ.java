package io.lamina.host.containerd;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.attach.HostMounts;
import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.ops.Metrics;
import io.lamina.host.store.BlobName;
import io.lamina.host.store.FsmetaStore.StoredFsmeta;
import io.lamina.host.store.LayerStore;
import io.lamina.host.store.RefusedException;
import io.lamina.host.store.RefusedException.Reason;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerDiff;
import io.lamina.images.layer.LayerExporter;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/** What containerd's differ interface means on Lamina's store. Any thread may call. */
public final class Differ implements AutoCloseable {
    private static final String UNCOMPRESSED_LABEL = "containerd.io/uncompressed";

    private final Store store;
    private final Snapshotter snapshotter;
    private final HostMounts mounts;
    private final StoredDevices devices;
    private final Containerd containerd;
    private final Metrics metrics;
    private final UpperLayers uppers;
    private final Conversions conversions;
    private final ConvertAhead ahead;

    /** What a differ stands on. */
    public record Parts(
            Store store, Snapshotter snapshotter, HostMounts mounts, StoredDevices devices, Containerd containerd) {}

    public Differ(Parts parts, Metrics metrics) {
        this.store = parts.store;
        this.snapshotter = parts.snapshotter;
        this.mounts = parts.mounts;
        this.devices = parts.devices;
        this.containerd = parts.containerd;
        this.metrics = metrics;
        this.uppers = new UpperLayers(parts.store);
        this.conversions = new Conversions(store, containerd, metrics);
        int atOnce = Runtime.getRuntime().availableProcessors();
        this.ahead = new ConvertAhead(containerd, conversions, devices, metrics, atOnce);
    }

    /** Gives up what nobody has asked for yet. */
    @Override
    public void close() {
        ahead.close();
    }

    /** Content by its digest, with its media type and length. */
    record Described(String mediaType, Digest digest, long sizeBytes, Map<String, String> annotations) {}

    /**
     * Unpacks a layer into the snapshot that {@code into} belongs to.
     *
     * @return the uncompressed layer, by its diffID
     */
    Described apply(Described layer, List<SnapshotMount> into, boolean processed, String namespace) throws IOException {
        Snapshot snapshot = unpackOf(into)
                .orElseThrow(() -> new RefusedException(
                        Reason.UNIMPLEMENTED, "these mounts are of no unpack into Lamina's store"));
        if (processed || LayerMediaType.of(layer.mediaType).isEmpty()) {
            snapshotter.showLower(snapshot);
            metrics.unpackLeft();
            throw new RefusedException(
                    Reason.UNIMPLEMENTED, "layers of the media type " + layer.mediaType + " are another differ's");
        }
        snapshotter.checkRoom("layer " + layer.digest);
        ahead.asked(layer.digest, namespace);
        LayerStore.Converted converted = conversions.converted(layer, namespace);
        store.snapshots().applied(snapshot.id(), converted.blob());
        LayerMediaType plain = LayerMediaType.of(layer.mediaType).orElseThrow() == LayerMediaType.EROFS
                ? LayerMediaType.EROFS
                : LayerMediaType.TAR;
        return new Described(plain.mediaType(), converted.blob().diffId(), converted.tarBytes(), layer.annotations);
    }

    /** The active snapshot that a client unpacks into, by the upper directory that it was told. */
    private Optional<Snapshot> unpackOf(List<SnapshotMount> into) throws IOException {
        return activeOf(into).filter(Snapshot::isUnpack);
    }

    private Optional<Snapshot> activeOf(List<SnapshotMount> of) throws IOException {
        if (of.size() != 1) {
            return Optional.empty();
        }
        SnapshotMount only = of.getFirst();
        Optional<String> upper = only.type().equals("bind") ? Optional.of(only.source()) : only.upper();
        OptionalLong id = upper.isEmpty()
                ? OptionalLong.empty()
                : store.snapshots().directories().ownerOfUpper(upper.get());
        return id.isEmpty()
                ? Optional.empty()
                : store.snapshots().find(id.getAsLong()).filter(found -> found.kind() != Snapshot.Kind.COMMITTED);
    }

    /** A layer to be made. */
    record WantedDiff(
            List<SnapshotMount> left,
            List<SnapshotMount> right,
            String mediaType,
            String ref,
            Map<String, String> labels,
            String namespace) {}

    /** Makes the layer that turns {@code left} into {@code right}, in containerd's content store. */
    Described diff(WantedDiff wanted) throws IOException {
        LayerMediaType form = LayerMediaType.of(
                        wanted.mediaType.isEmpty() ? LayerMediaType.GZIP.mediaType() : wanted.mediaType)
                .filter(known -> known != LayerMediaType.EROFS)
                .orElseThrow(() -> new RefusedException(
                        Reason.UNIMPLEMENTED,
                        "layers of the media type " + wanted.mediaType + " are another differ's"));
        TarWriter writer = writer(wanted.left, wanted.right);
        String ref = wanted.ref.isEmpty() ? "lamina-diff-" + UUID.randomUUID() : wanted.ref;
        String lease = containerd.lease(wanted.namespace);
        MessageDigest diffId = Digest.sha256();
        try (ContentOutput content = containerd.write(ref, wanted.namespace, lease)) {
            try (OutputStream tar = new DigestOutputStream(form.compressing(content), diffId)) {
                writer.write(tar);
            }
            Map<String, String> labels = new HashMap<>(wanted.labels);
            labels.put(UNCOMPRESSED_LABEL, Digest.of(diffId.digest()).toString());
            long sizeBytes = content.sizeBytes();
            return new Described(
                    wanted.mediaType.isEmpty() ? form.mediaType() : wanted.mediaType,
                    content.commit(labels),
                    sizeBytes,
                    Map.of());
        }
    }

    /** Writes the tar of a layer. */
    @FunctionalInterface
    private interface TarWriter {
        void write(OutputStream out) throws IOException;
    }

    private TarWriter writer(List<SnapshotMount> left, List<SnapshotMount> right) throws IOException {
        Optional<Snapshot> active = activeOf(right);
        List<BlobName> below = layersOf(left);
        if (active.isPresent() && active.get().kind() == Snapshot.Kind.ACTIVE) {
            List<BlobName> under = active.get().content().fsmeta().isPresent()
                    ? store.fsmetas()
                            .get(active.get().content().fsmeta().getAsLong())
                            .layers()
                    : List.of();
            if (!under.equals(below)) {
                throw new RefusedException(
                        Reason.UNIMPLEMENTED,
                        "the active snapshot lies on something else than what it is compared with");
            }
            return out -> uppers.writeTar(active.get().id(), out);
        }
        List<BlobName> above = layersOf(right);
        if (above.size() == below.size() + 1 && above.subList(0, below.size()).equals(below)) {
            StoredBlob layer = store.layers().here(above.getLast());
            if (Files.exists(layer.recipe()) && Files.size(layer.recipe()) > 0) {
                return out -> export(layer, out);
            }
        }
        return out -> compare(below, above, out);
    }

    private static void export(StoredBlob layer, OutputStream out) throws IOException {
        try (FileChannel blob = FileChannel.open(layer.blob(), READ);
                FileChannel recipe = FileChannel.open(layer.recipe(), READ)) {
            LayerExporter.export(blob, recipe, out);
        }
    }

    private void compare(List<BlobName> below, List<BlobName> above, OutputStream out) throws IOException {
        try (DeviceSource lower = DeviceSource.of(devices, below);
                DeviceSource upper = DeviceSource.of(devices, above)) {
            LayerDiff.write(
                    ErofsImage.open("the lower snapshot", lower), ErofsImage.open("the upper snapshot", upper), out);
        }
    }

    /** The layers that a view shows, base first; none for one of nothing. */
    private List<BlobName> layersOf(List<SnapshotMount> view) throws IOException {
        if (view.isEmpty()) {
            return List.of();
        }
        if (view.size() == 1) {
            SnapshotMount only = view.getFirst();
            Optional<Long> fsmeta = mounts.fsmetaAt(only.source());
            if (only.type().equals("bind") && fsmeta.isPresent()) {
                StoredFsmeta stored = store.fsmetas().get(fsmeta.get());
                return stored.layers();
            }
            Optional<Snapshot> empty = activeOf(view);
            if (empty.isPresent() && empty.get().kind() == Snapshot.Kind.VIEW) {
                return List.of();
            }
        }
        throw new RefusedException(Reason.UNIMPLEMENTED, "these mounts are of no view of Lamina's store");
    }
}
