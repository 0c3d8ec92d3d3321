package io.lamina.shim.doctor;

/**
 * The routes, with what is to be expected of each on the best host for it. {@code docs/runtimes.md} is this table.
 */
public enum Route {
    A(
            "Kata runtime-rs: one flat EROFS file as a disk",
            Verdict.WITHOUT_INTEGRITY,
            false,
            "with a single EROFS mount the shim reads no dm-verity option, and the agent sets none up",
            "block_device_driver = \"virtio-blk-pci\" (or virtio-scsi)"),
    B(
            "Kata runtime-rs: flat file and empty layer, each with dm-verity",
            Verdict.WORKS,
            false,
            "two EROFS mounts select the partitioned way, which honours X-containerd.dmverity; the host still chooses the"
                    + " root hash unless the agent's policy names it (lamina statement policy --for kata)",
            "hypervisor QEMU; an agent built with USE_DEVMAPPER=yes"),
    C(
            "containerd: fsmeta.erofs put into its snapshot directory",
            Verdict.CANNOT,
            false,
            "containerd mounts such a file, but it changes the mounts of a committed snapshot, and Lamina does not do that",
            "use its own snapshotter instead (lamina containerd config)"),
    D(
            "containerd 2.4: layer_content_caches filled by diffID",
            Verdict.WORKS,
            false,
            "each layer with its own tree and sidecar; not merged to one device",
            "[plugins.\"io.containerd.snapshotter.v1.erofs\"] layer_content_caches = [\"DIR\"], dmverity_mode = \"on\""),
    E(
            "Kata Go: a host mount of layer.erofs below an overlay",
            Verdict.WITHOUT_INTEGRITY,
            false,
            "the shim finds the file behind the mount and plugs it in as virtio-blk; no dm-verity",
            "disable_block_device_use = false"),
    F(
            "Kata: vhost-user-blk as a volume",
            Verdict.WITHOUT_INTEGRITY,
            false,
            "Kata Go with QEMU takes it as a volume, not as a root; runtime-rs with QEMU logs it as unsupported and goes on",
            "enable_vhost_user_store = true, enable_hugepages = true, vhost_user_reconnect_timeout_sec = 5"),
    G(
            "bare QEMU or Cloud Hypervisor: vhost-user-blk as the root",
            Verdict.WORKS,
            true,
            "Lamina's own guest agent verifies the signed statement and every block; with QEMU ./test boots it, with Cloud"
                    + " Hypervisor it was only read in source",
            "guest memory shared with the backend"),
    H(
            "Kata: a block node of the host as the root",
            Verdict.CANNOT,
            false,
            "both runtimes take a node, but no overlay is added, and Lamina makes no node of a device",
            "use route A or B"),
    I(
            "hcsshim LCOW: ext4 in a VHD",
            Verdict.WORKS,
            false,
            "the disk is judged by the kernel, e2fsck, veritysetup and QEMU; that hcsshim takes it was only read in source",
            "a security policy that lists the root hash (lamina attach --for hcs-lcow prints it)");

    private final String title;
    private final Verdict best;
    private final boolean tried;
    private final String why;
    private final String lines;

    Route(String title, Verdict best, boolean tried, String why, String lines) {
        this.title = title;
        this.best = best;
        this.tried = tried;
        this.why = why;
        this.lines = lines;
    }

    /** What it is. */
    public String title() {
        return title;
    }

    /** The verdict where everything is as the route needs it. */
    public Verdict best() {
        return best;
    }

    /** Whether a test of Lamina has gone this way to its end; else it was read in the runtime's source. */
    public boolean tried() {
        return tried;
    }

    /** Why it is so. */
    public String why() {
        return why;
    }

    /** What it needs, in the words of the configuration that has it. */
    public String lines() {
        return lines;
    }

    /** The table of all routes, in Markdown. */
    public static String table() {
        StringBuilder table =
                new StringBuilder("| | route | verdict | seen | why | needs |\n|---|---|---|---|---|---|\n");
        for (Route route : values()) {
            table.append("| ")
                    .append(String.join(
                            " | ",
                            route.name(),
                            route.title,
                            route.best.words(),
                            route.tried ? "tested" : "read in source",
                            route.why,
                            "`" + route.lines + "`"))
                    .append(" |\n");
        }
        return table.toString();
    }
}
