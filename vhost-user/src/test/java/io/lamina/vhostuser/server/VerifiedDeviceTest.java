package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.lamina.linux.DataFile;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.linux.testing.Machine;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.Extent;
import io.lamina.vhostuser.block.ExtentDevice;
import io.lamina.vhostuser.block.HashTree;
import io.lamina.vhostuser.block.VerifiedDevice;
import io.lamina.vhostuser.block.VerifyOnRead;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockClient;
import io.lamina.vhostuser.frontend.BlockDriver;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Devices with a tree of veritysetup's behind their data, read by a front-end. */
class VerifiedDeviceTest {
    private static final int SLOT_BYTES = 64 << 10;

    @TempDir
    private Path directory;

    /** Blocks that were told to be wrong, by their first byte. */
    private final List<Long> told = Collections.synchronizedList(new ArrayList<>());

    /** A device in a file: data, then the tree that veritysetup makes of it. */
    @SuppressWarnings("ArrayRecordComponent") // a carrier that is never compared
    private record Made(Path file, byte[] content, HashTree tree) {}

    private Made make(int dataBlocks, int dataBlockBytes) throws Exception {
        Machine.needsProgram("veritysetup");
        byte[] data = new byte[dataBlocks * dataBlockBytes];
        new Random(dataBlocks).nextBytes(data);
        Path file = Files.write(directory.resolve("device-" + dataBlocks), data);
        Path hashes = directory.resolve("tree-" + dataBlocks);
        Process format = new ProcessBuilder(
                        "veritysetup",
                        "format",
                        "--no-superblock",
                        "--hash=sha256",
                        "--data-block-size=" + dataBlockBytes,
                        "--hash-block-size=4096",
                        "--data-blocks=" + dataBlocks,
                        "--salt=" + "00".repeat(32),
                        file.toString(),
                        hashes.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(format.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, format.waitFor(), said);
        String root = said.lines()
                .filter(line -> line.startsWith("Root hash:"))
                .map(line -> line.substring("Root hash:".length()).strip())
                .findFirst()
                .orElseThrow();
        byte[] tree = Files.exists(hashes) ? Files.readAllBytes(hashes) : new byte[0];
        byte[] all = Arrays.copyOf(data, data.length + tree.length);
        System.arraycopy(tree, 0, all, data.length, tree.length);
        Files.write(file, all);
        return new Made(file, all, new HashTree(dataBlockBytes, dataBlocks, root));
    }

    private VerifiedDevice open(Made made, boolean always) throws IOException {
        OwnedFd file = DataFile.openForReading(made.file);
        ExtentDevice device = new ExtentDevice(
                new DeviceDescription(made.content.length, 512, true, "verified"),
                List.of(new Extent(0, made.content.length, new Extent.Source.InFile(file, 0))),
                file);
        return new VerifiedDevice(device, new VerifyOnRead(made.tree, always), (start, _) -> told.add(start));
    }

    private static byte read(BlockDriver queue, long at, int bytes) throws IOException {
        return queue.run(VirtioBlk.T_IN, at / 512, bytes, Served.WAIT_MILLIS);
    }

    private void flip(Made made, long at) throws IOException {
        try (FileChannel channel = FileChannel.open(made.file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, at);
            channel.write(one.put(0, (byte) ~one.get(0)).rewind(), at);
        }
    }

    @Test
    void everyByteOfAGoodDeviceGetsThroughInReadsOfEveryKind() throws Exception {
        for (int[] shape :
                new int[][] {{1, 4096}, {128, 4096}, {129, 4096}, {1000, 4096}, {5000, 512}, {17_000, 4096}}) {
            Made made = make(shape[0], shape[1]);
            Random random = new Random(shape[0]);
            for (boolean always : new boolean[] {false, true}) {
                VerifiedDevice device = open(made, always);
                try (Served served = new Served(device, directory);
                        Served.Guest guest = served.guest();
                        BlockDriver queue = guest.queue(0)) {
                    for (int round = 0; round < 300; round++) {
                        int bytes = Math.min(512 * (1 + random.nextInt(SLOT_BYTES / 512)), made.content.length);
                        int at = 512 * random.nextInt((made.content.length - bytes) / 512 + 1);
                        assertEquals(VirtioBlk.S_OK, read(queue, at, bytes), Arrays.toString(shape) + " at " + at);
                        assertEquals(
                                -1,
                                MemorySegment.ofArray(made.content)
                                        .asSlice(at, bytes)
                                        .mismatch(queue.data(0).asSlice(0, bytes)));
                    }
                    assertEquals(0, device.wrongReads());
                }
            }
        }
        assertEquals(List.of(), told);
    }

    @Test
    void aWrongBlockIsAnErrorWhereverItLies() throws Exception {
        Made made = make(17_000, 4096);
        long data = made.tree.dataBytes();
        // Data at its start, in its middle and at its end; the top of the tree, its middle level, its leaves, their
        // padding.
        long[] places = {
            0, 5000L * 4096 + 17, data - 1, data + 3, data + 4096 + 40, data + 3 * 4096 + 5, made.content.length - 1
        };
        for (long place : places) {
            flip(made, place);
            told.clear();
            try (Served served = new Served(open(made, false), directory);
                    Served.Guest guest = served.guest();
                    BlockDriver queue = guest.queue(0)) {
                long start = place / 4096 * 4096;
                queue.data(0).fill((byte) 0);
                assertEquals(VirtioBlk.S_IOERR, read(queue, start, 4096), "the block at " + start);
                assertEquals(
                        -1,
                        queue.data(0).asSlice(0, 4096).mismatch(MemorySegment.ofArray(new byte[4096])),
                        "nothing of it got through");
                assertEquals(VirtioBlk.S_IOERR, read(queue, place / 512 * 512, 512), "a part of it");
                long before = Math.max(0, start - 8192);
                assertEquals(VirtioBlk.S_IOERR, read(queue, before, (int) (start - before) + 4096), "among others");
                assertTrue(told.contains(start), told + " for " + start);
            }
            flip(made, place);
        }
    }

    @Test
    void onceLooksOnceAndAlwaysLooksEachTime() throws Exception {
        Made made = make(1000, 4096);
        for (boolean always : new boolean[] {false, true}) {
            try (Served served = new Served(open(made, always), directory);
                    Served.Guest guest = served.guest();
                    BlockDriver queue = guest.queue(0)) {
                assertEquals(VirtioBlk.S_OK, read(queue, 40960, 4096));
                flip(made, 40960);
                assertEquals(always ? VirtioBlk.S_IOERR : VirtioBlk.S_OK, read(queue, 40960, 4096));
                assertEquals(VirtioBlk.S_OK, read(queue, 45056, 4096));
            }
            flip(made, 40960);
        }
    }

    @Test
    void aGuestThatReadsAWrongBlockForEverFillsNoLog() throws Exception {
        Made made = make(200, 4096);
        flip(made, 4096);
        VerifiedDevice device = open(made, false);
        try (Served served = new Served(device, directory);
                Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            for (int i = 0; i < 1000; i++) {
                assertEquals(VirtioBlk.S_IOERR, read(queue, 4096, 4096));
            }
            assertEquals(1000, device.wrongReads());
            assertEquals(16 + 5, told.size(), "the first 16, then 32, 64, 128, 256 and 512");
            assertEquals(new TreeSet<>(List.of(4096L)), new TreeSet<>(told));
        }
    }

    @Test
    void whatIsNotDataAndTreeIsRefused() throws Exception {
        Made made = make(200, 4096);
        HashTree other = new HashTree(4096, 199, made.tree.rootHash());
        try (OwnedFd file = DataFile.openForReading(made.file)) {
            ExtentDevice device =
                    new ExtentDevice(new DeviceDescription(made.content.length, 512, true, "s"), List.of(), file);
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new VerifiedDevice(device, new VerifyOnRead(other, true), (_, _) -> {}));
        }
        assertThrows(IllegalArgumentException.class, () -> new HashTree(4095, 1, made.tree.rootHash()));
        assertThrows(IllegalArgumentException.class, () -> new HashTree(4096, 0, made.tree.rootHash()));
        assertThrows(IllegalArgumentException.class, () -> new HashTree(4096, 1, "00"));
    }

    @Test
    void aRequestAllocatesNothingWhetherItIsCheckedOrNot() throws Exception {
        Made made = make(1024, 4096);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        for (boolean always : new boolean[] {false, true}) {
            try (Served served = new Served(open(made, always), directory);
                    Served.Guest guest = served.guest();
                    BlockDriver queue = guest.queue(0)) {
                long loop = Thread.getAllStackTraces().keySet().stream()
                        .filter(thread -> thread.getName().startsWith("test-loop"))
                        .mapToLong(Thread::threadId)
                        .max()
                        .orElseThrow();
                int requests = 30_000;
                drive(queue, requests);
                long before = threads.getThreadAllocatedBytes(loop);
                drive(queue, requests);
                long allocated = threads.getThreadAllocatedBytes(loop) - before;
                // A compiler that changes its mind, or a kick that the driver had to give, may cost a little.
                assertTrue(allocated < 4L * requests, allocated + " bytes for " + requests + " requests");
            }
        }
    }

    private static void drive(BlockDriver queue, int requests) throws IOException {
        for (int i = 0; i < requests; i++) {
            assertEquals(VirtioBlk.S_OK, read(queue, i % 1024 * 4096L, 4096));
        }
    }

    @Test
    void theDataPlaneTellsItsParent() throws Exception {
        Made made = make(300, 4096);
        flip(made, 8192);
        Heard heard = new Heard();
        try (DataPlaneClient client = DataPlaneClient.inProcess(1, heard);
                OwnedFd file = DataFile.openForReading(made.file);
                OwnedFd listening = UnixSocket.listen(directory.resolve("socket"), 1)) {
            long size = made.content.length;
            DeviceSpec spec = new DeviceSpec(
                            size, 4096, "s", 1, true, List.of(new DeviceSpec.Run(0, size, client.addFile(file), 0)))
                    .verified(new VerifyOnRead(made.tree, false));
            int id = client.serve(spec, listening, ServedDevice.ANY_UID);
            try (var front = BlockClient.connect(directory.resolve("socket"), 2, 4096)) {
                assertEquals(VirtioBlk.S_OK, front.queue().run(VirtioBlk.T_IN, 0, 4096, Served.WAIT_MILLIS));
                byte[] got = front.queue().data(0).asSlice(0, 4096).toArray(ValueLayout.JAVA_BYTE);
                assertArrayEquals(Arrays.copyOf(made.content, 4096), got);
                assertEquals(VirtioBlk.S_IOERR, front.queue().run(VirtioBlk.T_IN, 16, 4096, Served.WAIT_MILLIS));
            }
            assertEquals("wrong " + id + " at 8192, 1", heard.next());
        }
    }

    private static final class Heard implements DataPlaneClient.Listener {
        private final LinkedBlockingQueue<String> words = new LinkedBlockingQueue<>();

        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {}

        @Override
        public void ended(int deviceId, String why) {}

        @Override
        public void wrongBlock(int deviceId, long startBytes, long count) {
            words.add("wrong " + deviceId + " at " + startBytes + ", " + count);
        }

        @Override
        public void lost() {}

        String next() throws InterruptedException {
            return String.valueOf(words.poll(10, TimeUnit.SECONDS));
        }
    }
}
