package io.lamina.guest;

import io.lamina.images.layer.TarUnpacking;
import io.lamina.images.layer.UpperTar;
import io.lamina.linux.Errno;
import io.lamina.linux.OpenDirectory;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Files into and out of a container that runs. Its paths are found as its processes find them, and whatever those do
 * meanwhile, nothing outside of its root is read or written.
 */
final class ContainerFiles {
    private static final int DIRECTORY_PERMISSIONS = 0755;

    private ContainerFiles() {}

    /** Unpacks {@code tar} below {@code path}. */
    static void copyIn(Path root, String path, InputStream tar) throws IOException {
        try (OpenDirectory container = OpenDirectory.of(root);
                OpenDirectory target = makeDirectories(container, path)) {
            TarUnpacking.unpack(tar, target, Long.MAX_VALUE);
        }
    }

    private static OpenDirectory makeDirectories(OpenDirectory container, String path) throws IOException {
        OpenDirectory at = container.inRoot("/");
        StringBuilder prefix = new StringBuilder();
        for (String part : path.split("/", -1)) {
            if (part.isEmpty()) {
                continue;
            }
            prefix.append('/').append(part);
            try (OpenDirectory parent = at) {
                at = entered(container, prefix.toString(), parent, part);
            }
        }
        return at;
    }

    private static OpenDirectory entered(OpenDirectory container, String path, OpenDirectory parent, String name)
            throws IOException {
        try {
            return container.inRoot(path);
        } catch (SystemCallException failure) {
            if (failure.errno() != Errno.ENOENT) {
                throw failure;
            }
        }
        parent.makeDirectory(name.getBytes(StandardCharsets.UTF_8), DIRECTORY_PERMISSIONS);
        return container.inRoot(path);
    }

    /** Writes what is at {@code path} as a tar: of a directory what is below it, else the one entry. */
    static void copyOut(Path root, String path, OutputStream tar) throws IOException {
        try (OpenDirectory container = OpenDirectory.of(root)) {
            try (OpenDirectory source = container.inRoot(path)) {
                UpperTar.write(source.place(new byte[] {'.'}), tar);
                return;
            } catch (SystemCallException failure) {
                if (!failure.call().equals("openat2") || failure.errno() != Errno.ENOTDIR) {
                    throw failure;
                }
            }
            int slash = path.lastIndexOf('/');
            byte[] name = path.substring(slash + 1).getBytes(StandardCharsets.UTF_8);
            try (OpenDirectory parent = container.inRoot(slash <= 0 ? "/" : path.substring(0, slash))) {
                UpperTar.writeFile(parent.place(name), name, tar);
            }
        }
    }
}
