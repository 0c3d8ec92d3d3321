package io.lamina.host.store;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A snapshot as the store has it.
 *
 * @param id its number, never used again
 * @param key the client's name for it, opaque
 * @param parent what it lies on
 * @param kind what it is
 * @param times when it came about and was last changed
 * @param content what it holds
 * @param labels the client's labels
 */
public record Snapshot(
        long id,
        String key,
        Optional<Parent> parent,
        Kind kind,
        Times times,
        Content content,
        Map<String, String> labels) {
    /** Keeps a copy. */
    public Snapshot {
        labels = Map.copyOf(labels);
    }

    /** What a snapshot is; the numbers are those of containerd's API and of the table. */
    public enum Kind {
        VIEW(1),
        ACTIVE(2),
        COMMITTED(3);

        private final int number;

        Kind(int number) {
            this.number = number;
        }

        /** The number. */
        public int number() {
            return number;
        }

        static Kind of(long number) {
            for (Kind kind : values()) {
                if (kind.number == number) {
                    return kind;
                }
            }
            throw new IllegalArgumentException("kind " + number + " of a snapshot");
        }
    }

    /** How a snapshot leaves for its container. */
    public enum Way {
        /** Mounted by this host. */
        HOST,
        /** Described, for a virtual machine to take as a block device. */
        VM
    }

    /** The snapshot below. */
    public record Parent(long id, String key) {}

    /** Nanoseconds since 1970-01-01T00:00:00Z. */
    public record Times(long createdNs, long updatedNs) {}

    /**
     * What a snapshot holds.
     *
     * @param way how it leaves
     * @param blob a committed one's layer, or what was applied to an active one
     * @param fsmeta the merged tree that it lies on
     * @param scratchBytes how much may be written; 0 where nobody said
     * @param usage of a committed one, measured when it was committed
     */
    public record Content(Way way, Optional<BlobName> blob, OptionalLong fsmeta, long scratchBytes, Usage usage) {}

    /** What something takes of the disk. */
    public record Usage(long sizeBytes, long inodes) {
        /** Nothing. */
        public static final Usage NONE = new Usage(0, 0);
    }

    /** Whether a client unpacks a layer here: containerd's keys are {@code NAMESPACE/NUMBER/extract-…}. */
    public boolean isUnpack() {
        return isUnpack(key);
    }

    /** As {@link #isUnpack()}, of a key. */
    public static boolean isUnpack(String key) {
        return key.replaceFirst("^[^/]*/[0-9]+/", "").startsWith("extract-");
    }
}
