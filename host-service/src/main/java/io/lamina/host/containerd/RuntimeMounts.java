package io.lamina.host.containerd;

import io.lamina.host.attach.HostMountMethod;
import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.shim.ImageForms;
import io.lamina.host.shim.ScratchDisk;
import io.lamina.host.store.FsmetaStore.StoredFsmeta;
import io.lamina.host.store.RefusedException;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Snapshot.Kind;
import io.lamina.host.store.SnapshotDirectories;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.linux.LoopDevice;
import io.lamina.linux.Mount;
import io.lamina.shim.attachment.Attachment;
import io.lamina.shim.attachment.Attachment.Access;
import io.lamina.shim.attachment.Attachment.Form;
import io.lamina.shim.attachment.Attachment.Owner;
import io.lamina.shim.attachment.Attachment.Scratch;
import io.lamina.shim.hcs.HcsMount;
import io.lamina.shim.hcs.LcowImage;
import io.lamina.shim.kata.KataGoMounts;
import io.lamina.shim.kata.KataRsMounts;
import io.lamina.shim.kata.KataVirtualVolume;
import io.lamina.shim.mount.RootfsMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The way out {@code vm} in the words of one runtime, by a snapshot's label or the daemon's setting. The image's forms are
 * beside the merged tree, and go with it; mounts and the disk to write are the snapshot's, and go with that. Any thread
 * may call.
 */
final class RuntimeMounts {
    /** Names the runtime. */
    static final String LABEL = "containerd.io/snapshot/lamina.runtime";

    /** The words of {@link #LABEL}, and of the setting {@code runtime}. */
    static final List<String> NAMES = List.of("kata-rs", "kata-rs-verity", "kata-go", "hcs-lcow", "guest-pull");

    /** CRI's label of the image that a snapshot is of. */
    private static final String DEVICE = "unix:dev";

    private static final String IMAGE_LABEL = "containerd.io/snapshot/cri.image-ref";

    /** What hcsshim's scratch has where no label says how much; the file is sparse. */
    private static final long DEFAULT_LCOW_SCRATCH_BYTES = 20L << 30;

    private static final int SECTOR_BYTES = 512;
    private static final int TURNS = 64;

    private final StoredDevices devices;
    private final SnapshotDirectories directories;
    private final HostMountMethod method;
    private final Map<Long, Object> turns = new ConcurrentHashMap<>();

    RuntimeMounts(StoredDevices devices, SnapshotDirectories directories, HostMountMethod method) {
        this.devices = devices;
        this.directories = directories;
        this.method = method;
    }

    /** The mounts for the runtime {@code runtime}; the same each time. */
    List<SnapshotMount> of(String runtime, Snapshot snapshot, StoredFsmeta fsmeta) throws IOException {
        // Few objects, so that two calls for one image never write one file.
        synchronized (turns.computeIfAbsent(fsmeta.id() % TURNS, _ -> new Object())) {
            return switch (runtime) {
                case "kata-rs" -> mounts(KataRsMounts.flat(attachment(snapshot, fsmeta)));
                case "kata-rs-verity" -> mounts(KataRsMounts.verified(attachment(snapshot, fsmeta)));
                case "kata-go" -> kataGo(snapshot, fsmeta);
                case "hcs-lcow" -> lcow(snapshot, fsmeta);
                case "guest-pull" -> guestPull(snapshot.labels());
                default -> throw refused("label " + LABEL + " is one of " + NAMES + ", not \"" + runtime + "\"");
            };
        }
    }

    private ImageForms forms(StoredFsmeta fsmeta) throws IOException {
        FlattenedDevice device = devices.device(fsmeta);
        return new ImageForms(fsmeta.image().resolveSibling("forms"), device, List.of());
    }

    private Attachment attachment(Snapshot snapshot, StoredFsmeta fsmeta) throws IOException {
        ImageForms forms = forms(fsmeta);
        forms.raw();
        forms.empty();
        Optional<Scratch> scratch = scratch(snapshot);
        return new Attachment(
                "snapshot",
                "snapshot",
                Attachment.Device.of(devices.device(fsmeta)),
                List.of(),
                forms.files(),
                new Access(Optional.empty(), Optional.empty(), scratch, Optional.empty()),
                Owner.lasting("snapshot"));
    }

    /** A disk with ext4 of the size that the snapshot's labels ask for, if they do and it may be written. */
    private Optional<Scratch> scratch(Snapshot snapshot) throws IOException {
        long sizeBytes = scratchBytes(snapshot);
        if (sizeBytes == 0) {
            return Optional.empty();
        }
        Path disk = directories.directory(snapshot.id()).resolve(KataGoMounts.SCRATCH_NAME);
        ScratchDisk.ext4(disk, sizeBytes);
        return Optional.of(new Scratch(disk, sizeBytes));
    }

    private static long scratchBytes(Snapshot snapshot) {
        long asked = snapshot.kind() == Kind.ACTIVE ? snapshot.content().scratchBytes() : 0;
        return Math.ceilDiv(asked, SECTOR_BYTES) * SECTOR_BYTES;
    }

    /** The shim takes the files apart that are behind these mounts, and hands them to its machine as disks. */
    private List<SnapshotMount> kataGo(Snapshot snapshot, StoredFsmeta fsmeta) throws IOException {
        if (method == HostMountMethod.NONE) {
            throw new RefusedException(
                    RefusedException.Reason.FAILED_PRECONDITION,
                    "kata-go finds its files by mounts of this host, and this daemon cannot mount EROFS here");
        }
        ImageForms forms = forms(fsmeta);
        forms.raw();
        Path layer = Objects.requireNonNull(forms.files().get(Form.RAW), "made above");
        Path image = directories.lower(snapshot.id());
        if (!isMounted(image)) {
            method.mount(layer, List.of(), image);
        }
        Optional<Path> written = Optional.empty();
        Optional<Scratch> scratch = scratch(snapshot);
        if (scratch.isPresent()) {
            Path place = directories.work(snapshot.id());
            if (!isMounted(place)) {
                try (LoopDevice loop = LoopDevice.writable(scratch.get().file())) {
                    Mount.mount("ext4", loop.path(), place.toString(), Mount.MS_NODEV, "");
                }
            }
            Files.createDirectories(place.resolve("upper"));
            Files.createDirectories(place.resolve("work"));
            written = Optional.of(place);
        }
        return mounts(KataGoMounts.overlay(image, written));
    }

    private List<SnapshotMount> lcow(Snapshot snapshot, StoredFsmeta fsmeta) throws IOException {
        ImageForms forms = forms(fsmeta);
        forms.lcow();
        Path layer = Objects.requireNonNull(forms.files().get(Form.EXT4_VHD), "made above");
        Path scratch = directories.directory(snapshot.id());
        if (snapshot.kind() == Kind.ACTIVE) {
            long asked = scratchBytes(snapshot);
            ScratchDisk.vhdx(scratch.resolve(LcowImage.SCRATCH_NAME), asked == 0 ? DEFAULT_LCOW_SCRATCH_BYTES : asked);
        }
        String parent =
                Objects.requireNonNull(layer.getParent(), "a file of ours").toString();
        return mounts(List.of(new HcsMount.LcowLayer(scratch.toString(), List.of(parent)).mount()));
    }

    /** Whether a machine may have written a disk of the snapshot. */
    boolean hasDisk(long id) {
        Path directory = directories.directory(id);
        return Files.exists(directory.resolve(KataGoMounts.SCRATCH_NAME))
                || Files.exists(directory.resolve(LcowImage.SCRATCH_NAME));
    }

    /** Unmounts what a snapshot's mounts stand on. */
    void release(long id) throws IOException {
        for (Path place : List.of(directories.lower(id), directories.work(id))) {
            if (isMounted(place)) {
                Mount.unmount(place.toString(), Mount.MNT_DETACH);
            }
        }
    }

    /** What is mounted in a snapshot's directory is another file system; the table of mounts, which containers make long, is not read. */
    private static boolean isMounted(Path place) throws IOException {
        return Files.exists(place)
                && !Files.getAttribute(place, DEVICE)
                        .equals(Files.getAttribute(
                                Objects.requireNonNull(place.getParent(), "a place of ours"), DEVICE));
    }

    private static List<SnapshotMount> guestPull(Map<String, String> labels) throws IOException {
        String reference = labels.get(IMAGE_LABEL);
        if (reference == null) {
            throw refused("guest-pull needs the label " + IMAGE_LABEL);
        }
        String option = KataVirtualVolume.guestPull(reference, new TreeMap<>()).option();
        return List.of(new SnapshotMount("overlay", "overlay", List.of(option)));
    }

    private static List<SnapshotMount> mounts(List<RootfsMount> mounts) {
        return mounts.stream()
                .map(mount -> new SnapshotMount(mount.type(), mount.source(), mount.options()))
                .toList();
    }

    private static RefusedException refused(String message) {
        return new RefusedException(RefusedException.Reason.INVALID_ARGUMENT, message);
    }
}
