package io.lamina.linux.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PrivateMountsTest {
    @TempDir
    Path directory;

    @Test
    void aMountIsSeenInsideAndByProgramsAndNotOutside() throws Exception {
        Machine.needsRoot();
        PrivateMounts.run(mounts -> {
            mounts.mount("tmpfs", directory, "tmpfs", 0, "mode=0700");
            Files.createFile(directory.resolve("inside"));
            Process stat = new ProcessBuilder("test", "-e", directory + "/inside").start();
            assertEquals(0, stat.waitFor());
        });

        assertFalse(Files.exists(directory.resolve("inside")));
        assertFalse(Files.readString(Path.of("/proc/self/mounts")).contains(directory.toString()));
    }

    @Test
    void whatTheBodyThrowsReachesTheCallerAndLeavesNoMount() {
        Machine.needsRoot();
        IOException thrown = assertThrows(
                IOException.class,
                () -> PrivateMounts.run(mounts -> {
                    mounts.mount("tmpfs", directory, "tmpfs", 0, "");
                    mounts.mount("nothing", directory.resolve("missing"), "tmpfs", 0, "");
                }));

        assertTrue(thrown.getMessage().contains("errno 2"), thrown.getMessage());
    }

    @Test
    void anUnmountedTargetIsItselfAgain() throws Exception {
        Machine.needsRoot();
        PrivateMounts.run(mounts -> {
            Files.createFile(directory.resolve("below"));
            mounts.mount("tmpfs", directory, "tmpfs", Mount.MS_RDONLY, "");
            assertFalse(Files.exists(directory.resolve("below")));
            mounts.unmount(directory);
            assertTrue(Files.exists(directory.resolve("below")));
        });
    }
}
