package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A Linux guest under QEMU and a served device: what the guest reads is right, whatever happens to the server. */
class VhostUserGuestTest {
    private static final int KILLS = 20;
    private static final int DISK_BYTES = 48 << 20;

    /** Ten a second: a guest under emulation on a busy machine is slow to move. */
    private static final int MIGRATION_LOOKS = 3000;

    private static final String ADD_DISK = """
            {"execute": "device_add", "arguments": {"driver": "vhost-user-blk-pci", "id": "d0", "bus": "rp0",
             "chardev": "c0", "num-queues": 2}}""".replace("\n", "");

    @TempDir
    private static Path shared;

    private static LinuxGuest.Image image;
    private static Path disk;
    private static String sum;

    @TempDir
    private Path directory;

    @BeforeAll
    static void make() throws Exception {
        Machine.needsProgram("qemu-system-x86_64", "busybox", "xz", "dpkg-deb");
        Path packages = Path.of(System.getProperty("lamina.test.packages", "target/lamina-home/guest/packages"));
        image = LinuxGuest.Image.in(shared, packages);
        byte[] bytes = new byte[DISK_BYTES];
        new Random(3).nextBytes(bytes);
        disk = Files.write(shared.resolve("disk"), bytes);
        sum = Digest.ofContent(bytes).hex();
    }

    private static DeviceServer serve(Path socket) throws Exception {
        return new DeviceServer("--socket", socket.toString(), "--queues", "2", "--raw", disk.toString());
    }

    private static String expected(int queues) {
        return "sum " + sum + " errors 0 queues " + queues;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "num-queues=1",
                "num-queues=2",
                "num-queues=2,disable-legacy=on,iommu_platform=on",
                "num-queues=2,packed=on"
            })
    void readsTheWholeDevice(String options) throws Exception {
        Path socket = directory.resolve("socket");
        try (DeviceServer _ = serve(socket);
                LinuxGuest guest =
                        new LinuxGuest(image, directory.resolve("q"), "", LinuxGuest.disk(socket, "," + options))) {
            assertEquals("up", guest.next());
            assertEquals(expected(options.startsWith("num-queues=1") ? 1 : 2), guest.next());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {",num-queues=2", ",num-queues=2,packed=on"})
    void readsOnAlthoughTheServerIsKilledTwentyTimes(String options) throws Exception {
        Path socket = directory.resolve("socket");
        Random random = new Random(9);
        try (DeviceServer server = serve(socket);
                LinuxGuest guest =
                        new LinuxGuest(image, directory.resolve("q"), "", LinuxGuest.disk(socket, options))) {
            assertEquals("up", guest.next());
            assertEquals(expected(2), guest.next());
            for (int kill = 0; kill < KILLS; kill++) {
                Thread.sleep(random.nextInt(1000));
                guest.forget();
                server.kill(kill % 2 == 0);
                server.startAgain();
                assertEquals(expected(2), guest.next(), "after kill " + kill);
            }
            guest.forget();
            assertEquals(0, server.end(), "a planned restart");
            assertFalse(Files.exists(socket));
            server.startAgain();
            assertEquals(expected(2), guest.next());
            assertEquals(expected(2), guest.next());
        }
    }

    @Test
    void theDiskIsPluggedAndUnplugged() throws Exception {
        Path socket = directory.resolve("socket");
        List<String> port = List.of("-device", "pcie-root-port,id=rp0,bus=pcie.0");
        String addChardev =
                "{\"execute\": \"chardev-add\", \"arguments\": {\"id\": \"c0\", \"backend\": {\"type\": \"socket\","
                        + " \"data\": {\"server\": false, \"addr\": {\"type\": \"unix\", \"data\": {\"path\": \""
                        + socket + "\"}}}}}}";
        try (DeviceServer _ = serve(socket);
                LinuxGuest guest = new LinuxGuest(image, directory.resolve("q"), "job=watch", port)) {
            assertEquals("up", guest.next());
            for (int round = 0; round < 3; round++) {
                String added = guest.tell(addChardev, ADD_DISK);
                assertTrue(added.contains("\"return\""), added);
                assertEquals("plugged " + sum, guest.next());
                guest.tell("{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d0\"}}");
                assertEquals("unplugged", guest.next());
                String removed = "no reply";
                for (int i = 0; i < 100 && !removed.contains("\"return\""); i++) {
                    Thread.sleep(100);
                    removed = guest.tell("{\"execute\": \"chardev-remove\", \"arguments\": {\"id\": \"c0\"}}");
                }
                assertTrue(removed.contains("\"return\""), removed);
            }
        }
    }

    @Test
    void aRunningGuestMovesToAnotherMachine() throws Exception {
        Path here = directory.resolve("here");
        Path there = directory.resolve("there");
        Path wire = directory.resolve("wire");
        List<String> arriving = new ArrayList<>(LinuxGuest.disk(there, ",num-queues=2"));
        arriving.addAll(List.of("-incoming", "unix:" + wire));
        try (DeviceServer _ = serve(here);
                DeviceServer _ = serve(there);
                LinuxGuest source =
                        new LinuxGuest(image, directory.resolve("q1"), "", LinuxGuest.disk(here, ",num-queues=2"));
                LinuxGuest target = new LinuxGuest(image, directory.resolve("q2"), "", arriving)) {
            assertEquals("up", source.next());
            assertEquals(expected(2), source.next());
            source.tell("{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"unix:" + wire + "\"}}");
            String state = "";
            for (int i = 0; i < MIGRATION_LOOKS && !state.contains("completed"); i++) {
                Thread.sleep(100);
                state = source.tell("{\"execute\": \"query-migrate\"}");
                assertFalse(state.contains("failed"), state);
            }
            assertTrue(state.contains("completed"), state);
            // The pass that was under way ends there, and so does one more.
            for (int pass = 0; pass < 2; pass++) {
                String line = target.next();
                assertTrue(line.endsWith(expected(2)), line);
            }
        }
    }
}
