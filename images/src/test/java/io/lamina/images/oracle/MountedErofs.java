package io.lamina.images.oracle;

import io.lamina.linux.Mount;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** An EROFS image mounted read-only from its file, without a loop device (file-backed mounts, Linux 6.12). */
public final class MountedErofs implements AutoCloseable {
    private final PrivateMounts mounts;
    private final Path root;

    /**
     * Mounts {@code image} at {@code root}, which is created.
     *
     * @throws IOException if the kernel refuses the image
     */
    public MountedErofs(PrivateMounts mounts, Path image, Path root) throws IOException {
        this.mounts = mounts;
        this.root = Files.createDirectories(root);
        mounts.mount(image.toString(), root, "erofs", Mount.MS_RDONLY, "");
    }

    /** Where the tree is. */
    public Path root() {
        return root;
    }

    @Override
    public void close() throws IOException {
        mounts.unmount(root);
    }
}
