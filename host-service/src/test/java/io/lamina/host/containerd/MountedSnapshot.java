package io.lamina.host.containerd;

import io.lamina.linux.Mount;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A snapshot's mounts, made as containerd makes them. */
final class MountedSnapshot implements AutoCloseable {
    private final Path target;

    private MountedSnapshot(Path target) {
        this.target = target;
    }

    static MountedSnapshot of(List<SnapshotMount> mounts, Path directory) throws IOException {
        if (mounts.size() != 1) {
            throw new AssertionError("one mount is expected, not " + mounts);
        }
        SnapshotMount mount = mounts.getFirst();
        Path target = Files.createTempDirectory(directory, "mounted-");
        boolean readOnly = mount.options().contains("ro");
        if (mount.type().equals("bind")) {
            Mount.bind(mount.source(), target.toString());
            if (readOnly) {
                Mount.change(target.toString(), Mount.MS_BIND | Mount.MS_REMOUNT | Mount.MS_RDONLY);
            }
        } else {
            List<String> data = new ArrayList<>(mount.options());
            data.removeIf(option -> List.of("ro", "rw", "loop").contains(option));
            Mount.mount(
                    mount.type(),
                    mount.source(),
                    target.toString(),
                    readOnly ? Mount.MS_RDONLY : 0,
                    String.join(",", data));
        }
        return new MountedSnapshot(target);
    }

    Path path() {
        return target;
    }

    @Override
    public void close() throws IOException {
        Mount.unmount(target.toString(), Mount.MNT_DETACH);
        Files.delete(target);
    }

    /** Runs a shell script in {@code directory}; any status but 0 fails the test. */
    static String shell(Path directory, String script) throws IOException, InterruptedException {
        Process process = new ProcessBuilder("/bin/sh", "-euc", script)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new AssertionError(script + ": status " + process.exitValue() + ", " + said);
        }
        return said;
    }

    /** What a container can see of a tree, but for times and for counts of links, which overlayfs does not keep. */
    static String listing(Path directory) throws IOException, InterruptedException {
        return shell(
                directory,
                "find . -printf '%p %y %m %U:%G %l\\n' | LC_ALL=C sort;"
                        + " find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum;"
                        + " find . -print0 | LC_ALL=C sort -z | xargs -0r getfattr -h -d -m '^(user|security)' --absolute-names 2>/dev/null");
    }
}
