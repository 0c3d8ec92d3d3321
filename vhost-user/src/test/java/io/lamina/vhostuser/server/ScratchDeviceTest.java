package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.DataFile;
import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.ScratchDevice;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.memory.SharedRegion;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchDeviceTest {
    private static final int SIZE_BYTES = 1 << 20;

    @TempDir
    private Path directory;

    private ScratchDevice device(String name) throws IOException {
        Path file = directory.resolve(name);
        try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
            made.setLength(SIZE_BYTES);
        }
        return new ScratchDevice(
                new DeviceDescription(SIZE_BYTES, 512, false, "scratch"), DataFile.openForWriting(file));
    }

    @Test
    void itHoldsWhatWasWrittenDiscardedAndZeroed() throws IOException {
        byte[] model = new byte[SIZE_BYTES];
        Random random = new Random(21);
        try (Served served = new Served(device("scratch"), directory)) {
            for (int connection = 0; connection < 3; connection++) {
                try (Served.Guest guest = served.guest();
                        BlockDriver queue = guest.queue(0)) {
                    for (int i = 0; i < 400; i++) {
                        int sectors = 1 + random.nextInt(32);
                        int sector = random.nextInt(SIZE_BYTES / 512 - sectors + 1);
                        int from = sector * 512;
                        int to = from + sectors * 512;
                        MemorySegment data = queue.data(0);
                        switch (random.nextInt(5)) {
                            case 0, 1 -> {
                                byte[] written = new byte[to - from];
                                random.nextBytes(written);
                                MemorySegment.copy(written, 0, data, ValueLayout.JAVA_BYTE, 0, written.length);
                                System.arraycopy(written, 0, model, from, written.length);
                                assertOk(queue, VirtioBlk.T_OUT, sector, written.length);
                            }
                            case 2 -> {
                                boolean discard = random.nextBoolean();
                                data.set(ValueLayout.JAVA_LONG, 0, sector);
                                data.set(ValueLayout.JAVA_INT, 8, sectors);
                                data.set(ValueLayout.JAVA_INT, 12, discard ? 0 : random.nextInt(2));
                                Arrays.fill(model, from, to, (byte) 0);
                                assertOk(queue, discard ? VirtioBlk.T_DISCARD : VirtioBlk.T_WRITE_ZEROES, 0, 16);
                            }
                            case 3 -> assertOk(queue, VirtioBlk.T_FLUSH, 0, 0);
                            default -> {
                                assertOk(queue, VirtioBlk.T_IN, sector, to - from);
                                assertArrayEquals(
                                        Arrays.copyOfRange(model, from, to),
                                        data.asSlice(0, to - from).toArray(ValueLayout.JAVA_BYTE),
                                        "seed 21, step " + i);
                            }
                        }
                    }
                }
            }
        }
        assertArrayEquals(model, Files.readAllBytes(directory.resolve("scratch")));
    }

    @Test
    void whatWasDiscardedTakesNoSpace() throws IOException {
        ScratchDevice device = device("usage");
        try (Served served = new Served(device, directory);
                Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            assertEquals(0, device.usedBytes());
            queue.data(0).fill((byte) 1);
            assertOk(queue, VirtioBlk.T_OUT, 0, 1 << 16);
            assertOk(queue, VirtioBlk.T_FLUSH, 0, 0);
            assertTrue(device.usedBytes() >= 1 << 16);
            queue.data(0).set(ValueLayout.JAVA_LONG, 0, 0);
            queue.data(0).set(ValueLayout.JAVA_INT, 8, SIZE_BYTES / 512);
            queue.data(0).set(ValueLayout.JAVA_INT, 12, 0);
            assertOk(queue, VirtioBlk.T_DISCARD, 0, 16);
            assertEquals(0, device.usedBytes());
        }
    }

    @Test
    void nothingIsWrittenBeyondTheQuota() throws IOException {
        try (Served served = new Served(device("quota"), directory);
                Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            long last = SIZE_BYTES / 512L;
            for (long sector : new long[] {last, last - 1, -1, Long.MAX_VALUE}) {
                assertEquals(VirtioBlk.S_IOERR, queue.run(VirtioBlk.T_OUT, sector, 1024, Served.WAIT_MILLIS));
            }
            long[][] ranges = {{last, 1, 0}, {-1, 1, 0}, {0, 0xffff_ffffL, 0}, {last - 1, 2, 0}};
            for (long[] range : ranges) {
                queue.data(0).set(ValueLayout.JAVA_LONG, 0, range[0]);
                queue.data(0).set(ValueLayout.JAVA_INT, 8, (int) range[1]);
                queue.data(0).set(ValueLayout.JAVA_INT, 12, (int) range[2]);
                assertEquals(VirtioBlk.S_IOERR, queue.run(VirtioBlk.T_DISCARD, 0, 16, Served.WAIT_MILLIS));
            }
            queue.data(0).set(ValueLayout.JAVA_INT, 12, 2);
            assertEquals(VirtioBlk.S_UNSUPP, queue.run(VirtioBlk.T_WRITE_ZEROES, 0, 16, Served.WAIT_MILLIS));
            assertEquals(VirtioBlk.S_IOERR, queue.run(VirtioBlk.T_DISCARD, 0, 17, Served.WAIT_MILLIS));
            assertEquals(SIZE_BYTES, Files.size(directory.resolve("quota")));
        }
    }

    @Test
    void duringAMigrationEveryPageThatTheDeviceWritesIsMarked() throws IOException {
        long logBytes = ((0x1_0000_0000L + (4 << 20)) >>> 12) / 8;
        try (Served served = new Served(device("log"), directory);
                OwnedFd log = Memfd.create("log", (logBytes + 4095) & -4096);
                Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            Memfd.seal(log, Memfd.F_SEAL_SHRINK);
            guest.frontend.send(new Request.SetLogBase(logBytes, 0), false, new byte[0], List.of(log));
            guest.frontend.reply();
            guest.frontend.tell(new Request.SetFeatures(guest.features | VirtioFeatures.VHOST_LOG_ALL));
            VringAddresses ring = queue.addresses(Served.QUEUE_SIZE);
            long usedAt = guest.memory.region().guestAddress()
                    + ring.used()
                    - guest.memory.bytes().address();
            guest.frontend.tell(new Request.SetVringAddr(
                    0, new VringAddresses(true, ring.descriptor(), ring.used(), ring.available(), usedAt)));
            assertOk(queue, VirtioBlk.T_IN, 0, 3 * 4096);
            // The status byte's page, the three pages of data, the used ring's page.
            long dataAt = guest.memory.guestAddress(queue.data(0));
            TreeSet<Long> expected = new TreeSet<>(List.of(
                    dataAt >>> 12, (dataAt >>> 12) + 1, (dataAt >>> 12) + 2, (dataAt >>> 12) - 1, usedAt >>> 12));
            TreeSet<Long> marked = new TreeSet<>();
            try (SharedRegion bits = SharedRegion.map("log", log, 0, logBytes, false)) {
                for (long page = 0; page < logBytes * 8; page++) {
                    if ((bits.bytes().get(ValueLayout.JAVA_BYTE, page / 8) >> (page % 8) & 1) != 0) {
                        marked.add(page);
                    }
                }
            }
            assertEquals(expected, marked);
        }
    }

    private static void assertOk(BlockDriver queue, int type, long sector, long lengthBytes) throws IOException {
        assertEquals(VirtioBlk.S_OK, queue.run(type, sector, lengthBytes, Served.WAIT_MILLIS));
    }
}
