package io.lamina.host.containerd;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A mount that a client is told to make; of types that every kernel and every client knows.
 *
 * @param type a file system's, or {@code bind}
 * @param source as {@code mount(8)} takes it
 * @param options as {@code mount(8)} takes them
 */
record SnapshotMount(String type, String source, List<String> options) {
    private static final String UPPER = "upperdir=";

    /** Keeps a copy. */
    SnapshotMount {
        options = List.copyOf(options);
    }

    static SnapshotMount bind(Path source, boolean readOnly) {
        return new SnapshotMount("bind", source.toString(), List.of(readOnly ? "ro" : "rw", "rbind"));
    }

    /**
     * Without an index of inodes, which would tie the directories to one file system handle, and without renamed
     * directories and copied-up metadata, which would mean what only overlayfs can tell.
     */
    static SnapshotMount overlay(Path lower, Path upper, Path work) {
        return new SnapshotMount(
                "overlay",
                "overlay",
                List.of(
                        "index=off",
                        "metacopy=off",
                        "redirect_dir=off",
                        "workdir=" + work,
                        UPPER + upper,
                        "lowerdir=" + lower));
    }

    static SnapshotMount erofs(Path image, List<String> devices) {
        List<String> options = new ArrayList<>(List.of("ro", "loop"));
        devices.forEach(device -> options.add("device=" + device));
        return new SnapshotMount("erofs", image.toString(), options);
    }

    /** The upper directory of an overlay. */
    Optional<String> upper() {
        return options.stream()
                .filter(option -> option.startsWith(UPPER))
                .map(option -> option.substring(UPPER.length()))
                .findFirst();
    }
}
