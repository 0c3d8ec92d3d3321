package io.lamina.images.oracle;

import io.lamina.linux.Mount;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Layer blobs, each mounted by itself, under the kernel's overlayfs. */
public final class OverlayMount implements AutoCloseable {
    private final PrivateMounts mounts;
    private final List<MountedErofs> layers = new ArrayList<>();
    private final Path root;

    /**
     * Mounts the blobs and the overlay below {@code directory}; overlayfs takes at most a page of option text, so the
     * directory's path has to be short when there are hundreds of layers.
     *
     * @param blobs base first
     * @throws IOException if the kernel refuses a blob or the overlay; nothing stays mounted then
     */
    public OverlayMount(PrivateMounts mounts, List<Path> blobs, Path directory) throws IOException {
        this.mounts = mounts;
        this.root = Files.createDirectories(directory.resolve("o"));
        try {
            // Without an upper directory overlayfs wants two lower ones; an empty one at the bottom adds nothing.
            StringBuilder lower = new StringBuilder(
                    Files.createDirectories(directory.resolve("e")).toString());
            for (Path blob : blobs) {
                MountedErofs layer = new MountedErofs(mounts, blob, directory.resolve(Integer.toString(layers.size())));
                layers.add(layer);
                lower.insert(0, layer.root() + ":");
            }
            mounts.mount("overlay", root, "overlay", Mount.MS_RDONLY, "lowerdir=" + lower);
        } catch (IOException failure) {
            for (MountedErofs layer : layers) {
                layer.close();
            }
            throw failure;
        }
    }

    /** Where the merged tree is. */
    public Path root() {
        return root;
    }

    @Override
    public void close() throws IOException {
        mounts.unmount(root);
        for (MountedErofs layer : layers) {
            layer.close();
        }
    }
}
