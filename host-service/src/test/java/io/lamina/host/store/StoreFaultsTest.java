package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.DirectoryTree;
import io.lamina.linux.Mount;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What disks and clocks do to a store: nothing acknowledged is lost, nothing half done stays. */
class StoreFaultsTest {
    private static final int SMALLEST_KIB = 64;
    private static final int STEP_KIB = 32;
    private static final int LARGEST_KIB = 8192;

    @TempDir
    private Path directory;

    @Test
    void aDiskThatIsFullAtAnyPointLosesNothingAndTheStoreGoesOnWhenThereIsRoom() throws Exception {
        Machine.needsRoot();
        PrivateMounts.run(mounts -> {
            int before = -1;
            boolean[] endedAt = new boolean[10];
            int kib = SMALLEST_KIB;
            for (boolean whole = false; !whole && kib < LARGEST_KIB; kib += STEP_KIB) {
                Path small = Files.createDirectories(directory.resolve("disk" + kib));
                mounts.mount("tmpfs", small, "tmpfs", 0, "size=" + kib + "k");
                StoreRoot root = StoreRoot.in(small.resolve("store"));
                StoreLife life = new StoreLife(_ -> {});
                try (Store store = Store.openForDaemon(root)) {
                    try {
                        life.live(store);
                        whole = true;
                    } catch (IOException full) {
                        endedAt[life.done()] = true;
                        String said = String.valueOf(full.getMessage());
                        assertTrue(
                                said.contains("No space left")
                                        || said.contains("full")
                                        || said.contains("SQLITE_IOERR"),
                                said);
                    }
                    StoreLife.check(store, life.done());
                } catch (IOException notEvenOpen) {
                    assertEquals(-1, life.done(), notEvenOpen.toString());
                }
                assertTrue(life.done() >= before - 1, "more room, less done: " + life.done() + " after " + before);
                before = life.done();
                Mount.mount("tmpfs", "tmpfs", small.toString(), Mount.MS_REMOUNT, "size=16m");
                try (Store store = Store.openForDaemon(root)) {
                    StoreLife.check(store, life.done());
                    if (life.done() < 4) {
                        life.live(store);
                    }
                }
            }
            assertTrue(kib < LARGEST_KIB, "no size was enough");
            assertTrue(
                    endedAt[0] && (endedAt[1] || endedAt[3] || endedAt[7] || endedAt[8]),
                    "the disk was never full midway");
        });
    }

    @Test
    void aDiskThatBecomesReadOnlyRefusesChangesAndStillTells() throws Exception {
        Machine.needsRoot();
        Machine.needsProgram("mkfs.ext4", "e2fsck", "losetup");
        Path image = directory.resolve("image");
        shell("truncate -s 64M " + image + " && mkfs.ext4 -q " + image);
        String loop = shell("losetup -f --show " + image).strip();
        StoreLife life = new StoreLife(_ -> {});
        try {
            PrivateMounts.run(mounts -> {
                Path disk = Files.createDirectories(directory.resolve("disk"));
                mounts.mount(loop, disk, "ext4", 0, "errors=remount-ro");
                StoreRoot root = StoreRoot.in(disk.resolve("store"));
                try (Store store = Store.openForDaemon(root)) {
                    life.live(store);
                    // As after an error of the disk: ext4 gives its journal up and writes nothing any more.
                    Path trigger = Path.of("/sys/fs/ext4/" + Path.of(loop).getFileName() + "/trigger_fs_error");
                    Files.writeString(trigger, "a test");
                    IOException layer = assertThrows(IOException.class, () -> life.live(store));
                    assertTrue(layer.getMessage().contains(disk.toString()), layer.toString());
                    assertThrows(IOException.class, () -> store.images().untag("a", "linux/amd64"));
                    StoreLife.check(store, 10);
                } catch (IOException whileClosing) {
                    assertEquals(0, life.done(), whileClosing.toString());
                }
                Mount.unmount(disk.toString(), 0);
                shell("e2fsck -fy " + loop + " > /dev/null; test $? -le 1");
                Mount.mount("ext4", loop, disk.toString(), 0, "");
                try (Store store = Store.openForDaemon(root)) {
                    StoreLife.check(store, 10);
                    assertTrue(store.images().untag("a", "linux/amd64"));
                }
                Mount.unmount(disk.toString(), 0);
            });
        } finally {
            shell("losetup -d " + loop);
        }
    }

    private static String shell(String script) throws IOException, InterruptedException {
        Process process =
                new ProcessBuilder("sh", "-c", script).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        return said;
    }

    @Test
    void aClockThatGoesBackwardsTakesNothingAway() throws IOException {
        StoreLife life = new StoreLife(_ -> {});
        try (Store store = Store.openForDaemon(StoreRoot.in(directory.resolve("store")))) {
            life.live(store);
            // Everything was used in what is the future now.
            FileTime future = FileTime.from(Instant.now().plus(Duration.ofDays(400)));
            for (Path entry : DirectoryTree.entries(store.root().blobs())) {
                Files.setLastModifiedTime(entry, future);
            }
            for (Path entry : DirectoryTree.entries(store.root().fsmeta())) {
                Files.setLastModifiedTime(entry, future);
            }
            assertEquals(new GarbageCollection.Removed(0, 0, 0), GarbageCollection.run(store, Duration.ofHours(1)));
            LeaseStore.Lease lease = store.leases().take("of a process, whatever the clock says");
            assertFalse(store.leases().all().isEmpty());
            assertEquals(0, store.leases().endStale());
            store.leases().end(lease.id());
            StoreLife.check(store, 10);
        }
    }
}
