package io.lamina.images.merge;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Directories that count under another path than their own: implied ones over a symbolic link of a lower layer. Unpacking
 * follows the link, so that their entries belong to the directory that the link leads to.
 */
final class Grafts {
    private final Set<Moved> moved = new HashSet<>();
    private final Map<String, List<Moved>> byTarget = new HashMap<>();

    /** A directory by its layer and node id. */
    private record Moved(int deviceId, long nid, boolean opaque) {}

    /** Lets a directory count as {@code target}, a path without slashes around it, its bytes as Latin-1. */
    void add(Source source, String target) {
        Moved directory =
                new Moved(source.layer().deviceId(), source.directory().place().nid(), source.opaque());
        if (moved.add(directory)) {
            byTarget.computeIfAbsent(target, path -> new ArrayList<>()).add(directory);
        }
    }

    boolean isEmpty() {
        return moved.isEmpty();
    }

    /** Whether an entry of a layer leads to a directory that counts elsewhere. */
    boolean isMoved(int deviceId, long nid) {
        return !moved.isEmpty()
                && (moved.contains(new Moved(deviceId, nid, false)) || moved.contains(new Moved(deviceId, nid, true)));
    }

    /** The directories that count under {@code path}. */
    List<Source> at(String path, List<MergeLayer> layers) throws IOException {
        List<Source> sources = new ArrayList<>();
        for (Moved directory : byTarget.getOrDefault(path, List.of())) {
            MergeLayer layer = layers.get(directory.deviceId() - 1);
            sources.add(new Source(layer, layer.inode(directory.nid()), directory.opaque()));
        }
        return sources;
    }
}
