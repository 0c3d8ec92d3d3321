package io.lamina.host.containerd;

import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.shim.ImageForms;
import io.lamina.host.store.FsmetaStore.StoredFsmeta;
import io.lamina.host.store.RefusedException;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.shim.attachment.Attachment;
import io.lamina.shim.attachment.Attachment.Access;
import io.lamina.shim.attachment.Attachment.Owner;
import io.lamina.shim.kata.KataRsMounts;
import io.lamina.shim.kata.KataVirtualVolume;
import io.lamina.shim.mount.RootfsMount;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The way out {@code vm} in the words of one runtime, by a snapshot's label. The files that it needs are beside the merged
 * tree, and go with it.
 */
final class RuntimeMounts {
    /** Names the runtime: {@code kata-rs}, {@code kata-rs-verity} or {@code guest-pull}. */
    static final String LABEL = "containerd.io/snapshot/lamina.runtime";

    /** CRI's label of the image that a snapshot is of. */
    private static final String IMAGE_LABEL = "containerd.io/snapshot/cri.image-ref";

    private final StoredDevices devices;

    RuntimeMounts(StoredDevices devices) {
        this.devices = devices;
    }

    /** The mounts for the runtime {@code runtime}. */
    List<SnapshotMount> of(String runtime, StoredFsmeta fsmeta, Map<String, String> labels) throws IOException {
        return switch (runtime) {
            case "kata-rs" -> mounts(KataRsMounts.flat(attachment(fsmeta)));
            case "kata-rs-verity" -> mounts(KataRsMounts.verified(attachment(fsmeta)));
            case "guest-pull" -> guestPull(labels);
            default ->
                throw refused("label " + LABEL + " is kata-rs, kata-rs-verity or guest-pull, not \"" + runtime
                        + "\"; for kata-go and hcs-lcow see lamina attach");
        };
    }

    private Attachment attachment(StoredFsmeta fsmeta) throws IOException {
        FlattenedDevice device = devices.device(fsmeta);
        ImageForms forms = new ImageForms(fsmeta.image().resolveSibling("forms"), device, List.of());
        forms.raw();
        forms.empty();
        return new Attachment(
                "snapshot",
                "snapshot",
                Attachment.Device.of(device),
                List.of(),
                forms.files(),
                Access.NONE,
                Owner.lasting("snapshot"));
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
