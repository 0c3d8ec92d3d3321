package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.DataFile;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.Request;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataPlaneTest {
    @TempDir
    private Path directory;

    private final Heard heard = new Heard();

    private static final class Heard implements DataPlaneClient.Listener {
        final LinkedBlockingQueue<String> words = new LinkedBlockingQueue<>();

        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {
            words.add("connected " + deviceId + " "
                    + (peer.pid() == ProcessHandle.current().pid()));
        }

        @Override
        public void ended(int deviceId, String why) {
            words.add("ended " + deviceId);
        }

        @Override
        public void lost() {
            words.add("lost");
        }

        String next() throws InterruptedException {
            return String.valueOf(words.poll(10, TimeUnit.SECONDS));
        }
    }

    private static byte[] random(int bytes, long seed) {
        byte[] data = new byte[bytes];
        new Random(seed).nextBytes(data);
        return data;
    }

    @Test
    void aDeviceOfSeveralFilesReadsAsOne() throws Exception {
        byte[] first = random(100_000, 1);
        byte[] second = random(9_000, 2);
        Path one = Files.write(directory.resolve("one"), first);
        Path two = Files.write(directory.resolve("two"), second);
        // first[4096..69632) at 0, a hole, second at 131072 and zeroes behind its end, the rest a hole.
        byte[] expected = new byte[1 << 18];
        System.arraycopy(first, 4096, expected, 0, 65536);
        System.arraycopy(second, 0, expected, 131072, 9000);
        try (DataPlaneClient client = DataPlaneClient.inProcess(2, heard);
                UnixSocket.Pair pair = UnixSocket.pair()) {
            int idOne;
            int idTwo;
            try (OwnedFd fdOne = DataFile.openForReading(one);
                    OwnedFd fdTwo = DataFile.openForReading(two)) {
                idOne = client.addFile(fdOne);
                idTwo = client.addFile(fdTwo);
            }
            DeviceSpec spec = new DeviceSpec(
                    expected.length,
                    512,
                    "two-files",
                    2,
                    false,
                    List.of(new DeviceSpec.Run(131072, 65536, idTwo, 0), new DeviceSpec.Run(0, 65536, idOne, 4096)));
            int device = client.serveConnected(spec, pair.second());
            client.dropFile(idOne);
            client.dropFile(idTwo);
            pair.second().close();
            try (VhostUserFrontend frontend = new VhostUserFrontend(pair.first().duplicate());
                    DriverMemory memory = new DriverMemory(4 << 20)) {
                long features = BlockDriver.featuresOf(frontend);
                frontend.negotiateProtocol(-1);
                frontend.tell(new Request.SetFeatures(features));
                frontend.tell(new Request.SetMemTable(List.of(memory.region())), memory.fd());
                try (BlockDriver queue = new BlockDriver(memory, 128, 1, 1 << 18, features)) {
                    queue.start(frontend, 1, 128);
                    assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 0, 1 << 18, 10_000));
                    assertArrayEquals(expected, queue.data(0).toArray(ValueLayout.JAVA_BYTE));
                    Random random = new Random(3);
                    for (int i = 0; i < 300; i++) {
                        int sectors = 1 + random.nextInt(64);
                        int sector = random.nextInt(expected.length / 512 - sectors + 1);
                        assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, sector, sectors * 512L, 10_000));
                        assertArrayEquals(
                                Arrays.copyOfRange(expected, sector * 512, (sector + sectors) * 512),
                                queue.data(0).asSlice(0, sectors * 512L).toArray(ValueLayout.JAVA_BYTE),
                                "sector " + sector);
                    }
                }
            }
            pair.first().close();
            assertEquals("connected " + device + " true", heard.next());
            assertEquals("ended " + device, heard.next());
            client.remove(device);
            client.stop();
        }
    }

    @Test
    void whatCannotBeIsRefusedByName() throws Exception {
        Path file = Files.write(directory.resolve("file"), random(8192, 4));
        try (DataPlaneClient client = DataPlaneClient.inProcess(1, heard);
                UnixSocket.Pair pair = UnixSocket.pair();
                OwnedFd fd = DataFile.openForReading(file)) {
            int id = client.addFile(fd);
            List<DeviceSpec> wrong = List.of(
                    new DeviceSpec(8192, 512, "s", 1, false, List.of(new DeviceSpec.Run(0, 8192, 99, 0))),
                    new DeviceSpec(8192, 512, "s", 1, false, List.of(new DeviceSpec.Run(0, 8193, id, 0))),
                    new DeviceSpec(8192, 512, "s", 1, false, List.of(new DeviceSpec.Run(-1, 10, id, 0))),
                    new DeviceSpec(8192, 512, "s", 1, false, List.of(new DeviceSpec.Run(0, 10, id, -1))),
                    new DeviceSpec(
                            8192,
                            512,
                            "s",
                            1,
                            false,
                            List.of(new DeviceSpec.Run(0, 512, id, 0), new DeviceSpec.Run(511, 10, id, 0))),
                    writable(8192, List.of()),
                    writable(8192, List.of(new DeviceSpec.Run(0, 4096, id, 0))),
                    writable(8192, List.of(new DeviceSpec.Run(0, 8192, id, 512))),
                    writable(16384, List.of(new DeviceSpec.Run(0, 16384, id, 0))),
                    new DeviceSpec(8192, 512, "s", 0, false, List.of()),
                    new DeviceSpec(8192, 512, "s", 65, false, List.of()));
            for (DeviceSpec spec : wrong) {
                IOException refused = assertThrows(
                        IOException.class, () -> client.serveConnected(spec, pair.second()), spec.toString());
                assertTrue(refused.getMessage().startsWith("the data plane refuses: "), refused.getMessage());
            }
            assertThrows(IllegalArgumentException.class, () -> new DeviceSpec(8191, 512, "s", 1, false, List.of()));
            assertThrows(IllegalArgumentException.class, () -> new DeviceSpec(8192, 513, "s", 1, false, List.of()));
            assertThrows(IllegalArgumentException.class, () -> new DeviceSpec(-512, 512, "s", 1, false, List.of()));
            assertThrows(IOException.class, () -> client.remove(1234));
            assertThrows(IOException.class, () -> client.dropFile(1234));
            client.dropFile(id);
        }
    }

    private static DeviceSpec writable(long sizeBytes, List<DeviceSpec.Run> runs) {
        return new DeviceSpec(new DeviceDescription(sizeBytes, 512, false, "s"), 1, false, runs);
    }

    @Test
    void theEndOfTheControlSocketIsTheEndOfTheDataPlane() throws Exception {
        UnixSocket.Pair pair = UnixSocket.pair();
        Thread dataPlane = Thread.ofPlatform().start(() -> {
            try {
                new DataPlane(pair.second(), 1).run();
            } catch (IOException failure) {
                throw new IllegalStateException(failure);
            }
        });
        pair.first().close();
        assertTrue(dataPlane.join(java.time.Duration.ofSeconds(10)));
    }

    @Test
    void brokenRecordsAreRefused() throws Exception {
        assertThrows(ControlRecord.MalformedException.class, () -> ControlRecord.decodeHeader(ByteBuffer.allocate(16)));
        Random random = new Random(5);
        for (int i = 0; i < 20_000; i++) {
            byte[] payload = new byte[random.nextInt(200)];
            random.nextBytes(payload);
            int type = random.nextInt(8);
            try {
                ControlRecord record = ControlRecord.decode(type, ByteBuffer.wrap(payload));
                ByteBuffer again = ControlRecord.encode(9, record);
                ControlRecord.Header header = ControlRecord.decodeHeader(again);
                again.position(ControlRecord.HEADER_BYTES);
                assertEquals(record, ControlRecord.decode(header.type(), again.slice()), "seed 5, round " + i);
            } catch (ControlRecord.MalformedException refused) {
                assertTrue(refused.getMessage() != null);
            }
        }
    }

    @Test
    void theClientIsToldWhenTheDataPlaneIsLost() throws Exception {
        UnixSocket.Pair pair = UnixSocket.pair();
        try (DataPlaneClient client = new DataPlaneClient(pair.first(), heard)) {
            pair.second().close();
            assertEquals("lost", heard.next());
            assertThrows(IOException.class, client::stop);
        }
    }
}
