package io.lamina.guest;

import io.lamina.linux.Pidfd;
import io.lamina.linux.Spawn;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Files of the guest's own memory as block devices, for device-mapper, which takes nothing else. */
final class LoopDevice {
    private static final Path BUSYBOX = Path.of("/bin/busybox");

    private LoopDevice() {}

    /** Shows {@code file}, read-only, as the loop device {@code number}; answers its node. */
    static Path of(Path file, int number) throws IOException, InterruptedException {
        Path node = Path.of("/dev/loop" + number);
        try (Pidfd losetup = Spawn.of(BUSYBOX, List.of("losetup", "-r", node.toString(), file.toString()))
                .start()) {
            int status = losetup.waitFor().asShell();
            if (status != 0) {
                throw new IOException("losetup of " + file + " on " + node + " ended with status " + status);
            }
        }
        return node;
    }
}
