package io.lamina.host.containerd;

import io.lamina.host.store.RefusedException;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How much a container may write, from the labels that clients give a snapshot. */
final class ScratchSize {
    /** containerd's own, in bytes; containerd 2.4, core/snapshots/snapshotter.go. */
    static final String MAX_SIZE = "containerd.io/snapshot/max-size";

    /** Those of its Windows snapshotters, in bytes, in GB, and in GB for a utility machine's own scratch. */
    static final String ROOTFS_BYTES = "containerd.io/snapshot/windows/rootfs.sizebytes";

    static final String ROOTFS_GB = "containerd.io/snapshot/io.microsoft.container.storage.rootfs.size-gb";
    static final String ROOTFS_GB_SHORT = "containerd.io/snapshot/windows/rootfs.size-gb";

    /** Less holds no file system with a journal. */
    static final long MIN_BYTES = 16L << 20;

    private static final Logger LOG = LoggerFactory.getLogger(ScratchSize.class);

    private ScratchSize() {}

    /** Says that a snapshot is a utility machine's own scratch (containerd v2.1, plugins/snapshots/windows). */
    static final String MACHINE_SCRATCH = "containerd.io/snapshot/io.microsoft.vm.storage.scratch";

    /** What such a machine gets where no label says how much; the file is sparse. */
    private static final long MACHINE_SCRATCH_BYTES = 10L << 30;

    /** The size in bytes, 0 where no label asks for one. */
    static long of(Map<String, String> labels) throws RefusedException {
        long asked = asked(labels);
        return asked == 0 && labels.containsKey(MACHINE_SCRATCH) ? MACHINE_SCRATCH_BYTES : asked;
    }

    private static long asked(Map<String, String> labels) throws RefusedException {
        String exact = labels.get(ROOTFS_BYTES);
        if (exact != null) {
            return bytes(ROOTFS_BYTES, exact, 1);
        }
        for (String deprecated : new String[] {ROOTFS_GB, ROOTFS_GB_SHORT}) {
            String gigabytes = labels.get(deprecated);
            if (gigabytes != null) {
                LOG.warn("the label {} is deprecated; use {}", deprecated, ROOTFS_BYTES);
                return bytes(deprecated, gigabytes, 1L << 30);
            }
        }
        @Nullable String plain = labels.get(MAX_SIZE);
        return plain == null ? 0 : bytes(MAX_SIZE, plain, 1);
    }

    private static long bytes(String label, String value, long unit) throws RefusedException {
        if (!value.matches("[0-9]{1,18}")) {
            throw refused(label, value, "is no whole number");
        }
        long number = Long.parseLong(value);
        if (number > Long.MAX_VALUE / unit) {
            throw refused(label, value, "is more than there can be");
        }
        if (number * unit < MIN_BYTES) {
            throw refused(label, value, "is less than " + MIN_BYTES + " bytes, in which no file system fits");
        }
        return number * unit;
    }

    private static RefusedException refused(String label, String value, String rule) {
        String shown = value.length() > 40 ? value.substring(0, 40) + "…" : value;
        return new RefusedException(
                RefusedException.Reason.INVALID_ARGUMENT, "label " + label + ": \"" + shown + "\" " + rule);
    }
}
