package io.lamina.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.testing.Machine;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountTest {
    @Test
    void aMountHasItsOptionsUntilItIsTakenAway(@TempDir Path directory) throws Exception {
        Machine.needsRoot();
        inPrivateMounts(() -> {
            Mount.mount("tmpfs", "none", directory.toString(), Mount.MS_NODEV | Mount.MS_NOSUID, "size=1m,mode=0711");
            String line = Files.readAllLines(Path.of("/proc/thread-self/mounts")).stream()
                    .filter(mount -> mount.contains(directory.toString()))
                    .findFirst()
                    .orElseThrow();
            assertTrue(line.contains("nosuid,nodev") && line.contains("size=1024k,mode=711"), line);
            DeviceFile.makeCharacterDevice(directory.resolve("null").toString(), 0666, 1, 3);
            assertEquals(
                    PosixFilePermissions.fromString("rw-rw-rw-"),
                    Files.getPosixFilePermissions(directory.resolve("null")));
            assertEquals(
                    Files.getAttribute(Path.of("/dev/null"), "unix:rdev"),
                    Files.getAttribute(directory.resolve("null"), "unix:rdev"));
            Mount.unmount(directory.toString(), 0);
            assertFalse(Files.exists(directory.resolve("null")));
        });
    }

    @Test
    void aFailureNamesTheMountAndTheError(@TempDir Path directory) throws Exception {
        Machine.needsRoot();
        inPrivateMounts(() -> {
            SystemCallException failure = assertThrows(
                    SystemCallException.class, () -> Mount.mount("no-such-fs", "source", directory.toString(), 0, ""));
            assertEquals(Errno.ENODEV, failure.errno());
            assertEquals(
                    "mount no-such-fs source on " + directory + ": No such device (errno 19)", failure.getMessage());
        });
    }

    @Test
    void theBootClockRunsForwardFromTheKernelsStart() throws Exception {
        double uptimeSeconds =
                Double.parseDouble(Files.readString(Path.of("/proc/uptime")).split(" ", 2)[0]);
        long first = Clock.bootTimeNanos();
        assertTrue(first >= (uptimeSeconds - 1) * 1e9 && first < (uptimeSeconds + 60) * 1e9, () -> "now " + first);
        assertTrue(Clock.bootTimeNanos() >= first);
    }

    @Test
    void deviceNumbersArePackedAsTheKernelDoes() {
        assertEquals(0x103, DeviceFile.device(1, 3));
        assertEquals(0x345_234_78L, DeviceFile.device(0x234, 0x34578));
    }

    private interface Body {
        void run() throws Exception;
    }

    private static void inPrivateMounts(Body body) throws Exception {
        FutureTask<Void> task = new FutureTask<>(() -> {
            Mount.unshareMounts();
            body.run();
            return null;
        });
        Thread.ofPlatform().start(task);
        task.get();
    }
}
