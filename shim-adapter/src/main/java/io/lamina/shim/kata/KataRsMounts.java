package io.lamina.shim.kata;

import io.lamina.shim.attachment.Attachment;
import io.lamina.shim.attachment.Attachment.Form;
import io.lamina.shim.mount.RootfsMount;
import java.util.ArrayList;
import java.util.List;

/**
 * Mount lists for Kata's runtime-rs (crates/resource/src/rootfs/erofs_rootfs.rs), in the form of containerd's own EROFS
 * snapshotter. The shim reads the overlay only for its directories; the guest puts the overlay together.
 */
public final class KataRsMounts {
    private static final String OVERLAY = "format/mkdir/overlay";

    private KataRsMounts() {}

    /**
     * Route A: one flat file, a disk for any VMM. The guest does not verify it: with one EROFS mount the shim reads no
     * dm-verity option.
     */
    public static List<RootfsMount> flat(Attachment attachment) {
        List<RootfsMount> mounts = scratch(attachment);
        int first = mounts.size();
        mounts.add(erofs(attachment, Form.RAW));
        mounts.add(overlay(attachment, "lowerdir={{ mount " + first + " }}"));
        return mounts;
    }

    /**
     * Route B: the same file with dm-verity, on QEMU alone. A second, empty layer below makes the shim take its
     * partitioned way, the only one that reads the option; the first mount is the uppermost.
     */
    public static List<RootfsMount> verified(Attachment attachment) {
        List<RootfsMount> mounts = scratch(attachment);
        int first = mounts.size();
        mounts.add(erofs(attachment, Form.RAW, verity(attachment, Form.RAW_DMVERITY)));
        mounts.add(erofs(attachment, Form.EMPTY, verity(attachment, Form.EMPTY_DMVERITY)));
        mounts.add(overlay(attachment, "lowerdir={{ overlay " + first + " " + (first + 1) + " }}"));
        return mounts;
    }

    private static List<RootfsMount> scratch(Attachment attachment) {
        List<RootfsMount> mounts = new ArrayList<>();
        attachment
                .access()
                .scratch()
                .ifPresent(scratch ->
                        mounts.add(RootfsMount.of("ext4", scratch.file().toString(), "rw", "loop")));
        return mounts;
    }

    private static String verity(Attachment attachment, Form sidecar) {
        return "X-containerd.dmverity=" + attachment.file(sidecar);
    }

    private static RootfsMount erofs(Attachment attachment, Form form, String... more) {
        List<String> options = new ArrayList<>(List.of("ro", "loop"));
        options.addAll(List.of(more));
        return new RootfsMount("erofs", attachment.file(form).toString(), "", options);
    }

    /** With a scratch, mount 0, upper and work directory are on it; without one the guest makes them in its memory. */
    private static RootfsMount overlay(Attachment attachment, String lower) {
        if (attachment.access().scratch().isEmpty()) {
            return RootfsMount.of("format/overlay", "overlay", lower);
        }
        return RootfsMount.of(
                OVERLAY,
                "overlay",
                "X-containerd.mkdir.path={{ mount 0 }}/upper:0755",
                "X-containerd.mkdir.path={{ mount 0 }}/work:0755",
                "workdir={{ mount 0 }}/work",
                "upperdir={{ mount 0 }}/upper",
                lower);
    }
}
