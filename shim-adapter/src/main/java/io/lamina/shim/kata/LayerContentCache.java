package io.lamina.shim.kata;

import io.lamina.images.oci.Digest;
import java.nio.file.Path;

/**
 * Route D: a directory of {@code layer_content_caches} of containerd's EROFS snapshotter, version 2.4 and later
 * (docs/snapshotters/erofs.md, "Layer Content Cache"): {@code sha256/ab/abcd….erofs} with a sidecar, by diffID.
 */
public final class LayerContentCache {
    private LayerContentCache() {}

    /** Where in {@code directory} the layer belongs. */
    public static Path blob(Path directory, Digest diffId) {
        return directory.resolve("sha256").resolve(diffId.hex().substring(0, 2)).resolve(diffId.hex() + ".erofs");
    }

    /** Where the sidecar of {@code blob} belongs. */
    public static Path sidecar(Path blob) {
        return blob.resolveSibling(blob.getFileName() + ".dmverity");
    }
}
