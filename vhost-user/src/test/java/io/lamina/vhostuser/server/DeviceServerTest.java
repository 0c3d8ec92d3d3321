package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.EventFd;
import io.lamina.linux.Memfd;
import io.lamina.linux.MemoryMap;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.VhostUserException;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a front-end and its guest see of a served device, over a real socket. */
class DeviceServerTest {
    private static final long SIZE_BYTES = ServedPattern.SIZE_BYTES;

    @RegisterExtension
    final ServedPattern pattern = new ServedPattern();

    private PatternDevice device;
    private Served served;

    @BeforeEach
    void serve() {
        device = pattern.device();
        served = pattern.served();
    }

    @Test
    void readsDeliverTheBytesOfTheDevice() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            Random random = new Random(1);
            for (int i = 0; i < 500; i++) {
                long sectors = 1L + random.nextInt(128);
                long sector = random.nextLong(SIZE_BYTES / 512 - sectors + 1);
                assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, sector, sectors * 512, Served.WAIT_MILLIS));
                assertEquals(sectors * 512 + 1, queue.driver().lastLengthBytes());
                ServedPattern.assertPattern(queue.data(0), sector * 512, sectors * 512);
            }
        }
    }

    @Test
    void manyRequestsOnSeveralQueuesAreAllAnswered() throws IOException {
        try (Served.Guest guest = served.guest()) {
            List<BlockDriver> queues = new ArrayList<>();
            for (int index = 0; index < 4; index++) {
                queues.add(guest.queue(index, 32, 4096));
            }
            for (BlockDriver queue : queues) {
                for (int slot = 0; slot < 32; slot++) {
                    queue.prepare(slot, VirtioBlk.T_IN, slot * 8L, 4096);
                }
                queue.submit();
            }
            for (BlockDriver queue : queues) {
                for (int done = 0; done < 2000; done++) {
                    int slot = queue.await(Served.WAIT_MILLIS);
                    assertTrue(slot >= 0, "request " + done + " is answered");
                    assertEquals(VirtioBlk.S_OK, queue.status(slot));
                    ServedPattern.assertPattern(queue.data(slot), slot * 4096L, 4096);
                    if (done < 2000 - 32) {
                        queue.prepare(slot, VirtioBlk.T_IN, slot * 8L, 4096);
                        queue.submit();
                    }
                }
            }
            queues.forEach(BlockDriver::close);
        }
    }

    @Test
    void readsOutsideTheDeviceAreErrorsOfThatRequest() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            long last = SIZE_BYTES / 512L;
            for (long sector : new long[] {last, last - 7, last + 1, Long.MAX_VALUE, -1, Long.MIN_VALUE, 1L << 55}) {
                assertEquals(VirtioBlk.S_IOERR, queue.run(VirtioBlk.T_IN, sector, 4096, Served.WAIT_MILLIS));
            }
            assertEquals(VirtioBlk.S_IOERR, queue.run(VirtioBlk.T_IN, 0, 513, Served.WAIT_MILLIS));
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, last - 8, 4096, Served.WAIT_MILLIS));
        }
    }

    @Test
    void theSerialIsCutToTheBufferAndPaddedWithZeroes() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            for (int length : new int[] {1, 7, 20, 64}) {
                queue.data(0).fill((byte) 'x');
                assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_GET_ID, 0, length, Served.WAIT_MILLIS));
                byte[] got = queue.data(0).asSlice(0, 65).toArray(ValueLayout.JAVA_BYTE);
                byte[] expected = "pattern-0123456789ab".getBytes(StandardCharsets.US_ASCII);
                for (int i = 0; i < 65; i++) {
                    assertEquals(i < Math.min(length, 20) ? expected[i] : (byte) 'x', got[i], "byte " + i);
                }
            }
        }
    }

    @Test
    void framingIsFree() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            // A header cut into 3 + 13 bytes, data of 100 + 413 bytes of which the last is the status.
            MemorySegment frame = guest.memory.take(4096);
            long at = guest.memory.guestAddress(frame);
            frame.set(ValueLayout.JAVA_INT, 0, VirtioBlk.T_IN);
            frame.set(ValueLayout.JAVA_LONG, 8, 5);
            SplitDriver ring = queue.driver();
            ring.describe(10, at, 3, SplitDriver.NEXT, 11);
            ring.describe(11, at + 3, 13, SplitDriver.NEXT, 12);
            ring.describe(12, at + 1024, 100, SplitDriver.NEXT | SplitDriver.WRITE, 13);
            ring.describe(13, at + 1024 + 100, 413, SplitDriver.WRITE, 0);
            ring.offer(10);
            queue.submit();
            queue.await(Served.WAIT_MILLIS);
            assertEquals(513, ring.lastLengthBytes());
            ServedPattern.assertPattern(frame.asSlice(1024), 5 * 512, 512);
            assertEquals(VirtioBlk.S_OK, frame.get(ValueLayout.JAVA_BYTE, 1024 + 512));
        }
    }

    @Test
    void anIndirectTableMayLieAnywhereInGuestMemory() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            MemorySegment frame = guest.memory.take(8192);
            long at = guest.memory.guestAddress(frame);
            frame.set(ValueLayout.JAVA_LONG, 8, 7);
            MemorySegment table = frame.asSlice(4096, 64);
            SplitDriver.describe(table, 0, at, 16, SplitDriver.NEXT, 2);
            SplitDriver.describe(table, 2, at + 1024, 512, SplitDriver.NEXT | SplitDriver.WRITE, 1);
            SplitDriver.describe(table, 1, at + 16, 1, SplitDriver.WRITE, 0);
            queue.driver().describe(9, at + 4096, 48, SplitDriver.INDIRECT, 0);
            queue.driver().offer(9);
            queue.submit();
            queue.await(Served.WAIT_MILLIS);
            ServedPattern.assertPattern(frame.asSlice(1024), 7 * 512, 512);
        }
    }

    @Test
    void aReadOfSixteenMebibytesIsDeliveredWhole() throws IOException {
        PatternDevice large = new PatternDevice(32 << 20);
        try (Served big = new Served(large, served.socket.getParent());
                Served.Guest guest = big.new Guest(20 << 20);
                BlockDriver queue = guest.queue(0, 1, 16 << 20)) {
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 9, 16 << 20, Served.WAIT_MILLIS));
            ServedPattern.assertPattern(queue.data(0), 9 * 512, 16 << 20);
        }
    }

    @Test
    void theConfigurationSpaceAnswersAnyOffsetAndSize() throws IOException {
        try (Served.Guest guest = served.guest()) {
            ByteBuffer all = guest.frontend.config(0, 256).bytes().order(ByteOrder.LITTLE_ENDIAN);
            assertEquals(SIZE_BYTES / 512, all.getLong(0));
            assertEquals(1 << 20, all.getInt(8), "size_max");
            assertEquals(126, all.getInt(12), "seg_max");
            assertEquals(512, all.getInt(20), "blk_size");
            assertEquals(4, all.getShort(34), "num_queues");
            int[][] ranges = {{0, 57}, {0, 60}, {0, 8}, {20, 4}, {0x100, 60}, {250, 100}, {4000, 16}, {0, 4000}, {3, 0}
            };
            for (int[] range : ranges) {
                var answer = guest.frontend.config(range[0], range[1]);
                assertEquals(range[0], answer.offset());
                byte[] expected = new byte[range[1]];
                int from = range[0] >= 256 ? range[0] - 256 : range[0];
                for (int i = 0; i < expected.length && from + i < 256; i++) {
                    expected[i] = all.get(from + i);
                }
                assertArrayEquals(expected, answer.bytes().array(), "offset " + range[0] + " size " + range[1]);
            }
        }
    }

    @Test
    void aRingGoesOnWhereItStopped() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            for (int round = 0; round < 5; round++) {
                for (int i = 0; i < 40; i++) {
                    assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, i, 512, Served.WAIT_MILLIS));
                }
                long base = guest.frontend.stopRing(0);
                assertEquals((round + 1) * 40L, base);
                guest.frontend.tell(new Request.SetVringBase(0, base));
                guest.frontend.tell(new Request.SetVringKick(0, true), queue.kick());
                guest.frontend.tell(new Request.SetVringCall(0, true), queue.call());
            }
        }
    }

    @Test
    void stoppingARingWaitsForWhatIsUnderWay() throws Exception {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            device.slow = true;
            queue.prepare(0, VirtioBlk.T_IN, 0, 4096);
            queue.submit();
            Thread release = Thread.ofPlatform().start(() -> {
                try {
                    Thread.sleep(200);
                } catch (InterruptedException stop) {
                    return;
                }
                device.letThrough.release();
            });
            long before = System.nanoTime();
            assertEquals(1, guest.frontend.stopRing(0));
            assertTrue(System.nanoTime() - before > 150_000_000, "the answer comes after the request");
            assertEquals(0, queue.poll());
            assertEquals(VirtioBlk.S_OK, queue.status(0));
            release.join();
        }
    }

    @Test
    void aSlowDeviceHoldsUpNoOtherOneOnTheSameLoop() throws IOException {
        PatternDevice quick = new PatternDevice(SIZE_BYTES);
        try (Served other = new Served(quick, served.socket.getParent(), served.loop, served.slowLane, false);
                Served.Guest stuck = served.guest();
                Served.Guest guest = other.guest();
                BlockDriver stuckQueue = stuck.queue(0, 32, 4096);
                BlockDriver queue = guest.queue(0)) {
            device.slow = true;
            for (int slot = 0; slot < 32; slot++) {
                stuckQueue.prepare(slot, VirtioBlk.T_IN, slot, 512);
            }
            stuckQueue.submit();
            for (int i = 0; i < 100; i++) {
                assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, i, 512, Served.WAIT_MILLIS));
            }
            quick.slow = true;
            quick.letThrough.release(1);
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 1, 512, Served.WAIT_MILLIS), "a thread is left");
            assertEquals(SplitDriver.NONE, stuckQueue.poll());
            device.letThrough.release(32);
            for (int slot = 0; slot < 32; slot++) {
                assertTrue(stuckQueue.await(Served.WAIT_MILLIS) >= 0);
            }
        }
    }

    @Test
    void aBufferAcrossTwoAdjacentRegionsIsFilled() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0);
                OwnedFd other = Memfd.create("other", 4096)) {
            Memfd.seal(other, Memfd.F_SEAL_SHRINK);
            RegionDescription whole = guest.memory.region();
            long end = whole.guestAddress() + whole.sizeBytes();
            guest.frontend.tell(new Request.AddMemReg(new RegionDescription(end, 4096, 0x5000, 0)), other);
            MemorySegment frame = guest.memory.take(4096);
            long at = guest.memory.guestAddress(frame);
            frame.set(ValueLayout.JAVA_LONG, 8, 11);
            queue.driver().describe(6, at, 16, SplitDriver.NEXT, 7);
            queue.driver().describe(7, end - 512, 1024, SplitDriver.NEXT | SplitDriver.WRITE, 8);
            queue.driver().describe(8, at + 16, 1, SplitDriver.WRITE, 0);
            queue.driver().offer(6);
            queue.submit();
            queue.await(Served.WAIT_MILLIS);
            assertEquals(VirtioBlk.S_OK, frame.get(ValueLayout.JAVA_BYTE, 16));
            ServedPattern.assertPattern(guest.memory.bytes().asSlice(whole.sizeBytes() - 512), 11 * 512, 512);
            try (Arena arena = Arena.ofShared()) {
                ServedPattern.assertPattern(MemoryMap.shared(other, 0, 4096, arena), 12 * 512, 512);
            }
        }
    }

    /**
     * A server that is killed after it has moved the used index and before it has interrupted leaves a driver asleep that
     * may wait for nothing else: the next server has nothing to answer, and must wake it all the same.
     */
    @Test
    void aRingThatIsTakenUpInterruptsForWhatAKilledServerHadPublished() throws Exception {
        try (DriverMemory memory = new DriverMemory(1 << 20)) {
            BlockDriver queue = null;
            for (int server = 0; server < 3; server++) {
                try (VhostUserFrontend frontend = VhostUserFrontend.connect(served.socket)) {
                    long features = BlockDriver.featuresOf(frontend);
                    frontend.negotiateProtocol(-1);
                    frontend.tell(new Request.SetFeatures(features));
                    frontend.tell(new Request.AddMemReg(memory.region()), memory.fd());
                    if (queue == null) {
                        queue = new BlockDriver(memory, Served.QUEUE_SIZE, 1, 4096, features);
                    }
                    queue.startAt(frontend, 0, Served.QUEUE_SIZE, server);
                    assertTrue(Poll.readable(queue.call(), Served.WAIT_MILLIS), "the driver is woken");
                    EventFd.drain(queue.call());
                    assertEquals(server == 0 ? SplitDriver.NONE : 0, queue.poll(), "what it was not told of");
                    queue.prepare(0, VirtioBlk.T_IN, server, 4096);
                    queue.submit();
                    assertTrue(Poll.readable(queue.call(), Served.WAIT_MILLIS));
                }
                served.awaitEnd();
                // As if this interrupt had never been sent.
                EventFd.drain(queue.call());
            }
            queue.close();
        }
    }

    @Test
    void oneFrontEndAfterAnotherIsServed() throws IOException {
        for (int i = 0; i < 20; i++) {
            pattern.assertStillServes();
        }
    }

    @Test
    void memoryMayComeAndGoWhileAQueueIsInUse() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0);
                OwnedFd other = Memfd.create("other", 0x5000)) {
            Memfd.seal(other, Memfd.F_SEAL_SHRINK);
            // The size is no multiple of a page, as libblkio has it.
            RegionDescription region = new RegionDescription(0x7000_0000_0000L, 0x3b10, 0x7000_0000_0000L, 0x1000);
            for (int i = 0; i < 30; i++) {
                queue.prepare(0, VirtioBlk.T_IN, i, 4096);
                queue.submit();
                guest.frontend.tell(new Request.AddMemReg(region), other);
                assertEquals(0, queue.await(Served.WAIT_MILLIS));
                queue.prepare(1, VirtioBlk.T_IN, i, 4096);
                queue.submit();
                guest.frontend.tell(new Request.RemMemReg(region));
                assertEquals(1, queue.await(Served.WAIT_MILLIS));
                ServedPattern.assertPattern(queue.data(1), i * 512L, 4096);
            }
        }
    }

    @Test
    void aRefusedChangeOfMemoryDoesNotStopTheRings() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            Request unknown = new Request.RemMemReg(new RegionDescription(1, 2, 3, 4));
            assertThrows(VhostUserException.class, () -> guest.frontend.tell(unknown));
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 0, 512, Served.WAIT_MILLIS));
        }
    }

    @Test
    void aRingWhoseMemoryIsTakenAwayStops() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 0, 512, Served.WAIT_MILLIS));
            guest.frontend.tell(new Request.RemMemReg(guest.memory.region()));
            queue.prepare(0, VirtioBlk.T_IN, 0, 512);
            queue.submit();
            assertEquals(SplitDriver.NONE, queue.await(100));
            guest.frontend.tell(new Request.AddMemReg(guest.memory.region()), guest.memory.fd());
            guest.frontend.tell(new Request.SetVringAddr(0, queue.addresses(Served.QUEUE_SIZE)));
            assertEquals(0, queue.await(Served.WAIT_MILLIS), "it goes on when it is back");
        }
    }

    @Test
    void resettingTheDeviceForgetsItsRings() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 0, 512, Served.WAIT_MILLIS));
            guest.frontend.tell(new Request.SetStatus(0xf));
            assertEquals(0xf, guest.frontend.number(new Request.GetStatus()));
            guest.frontend.tell(new Request.ResetDevice());
            assertEquals(0, guest.frontend.number(new Request.GetStatus()));
            queue.prepare(0, VirtioBlk.T_IN, 0, 512);
            queue.submit();
            assertEquals(SplitDriver.NONE, queue.await(100));
            guest.frontend.tell(new Request.SetFeatures(guest.features));
            try (BlockDriver again = guest.queue(0)) {
                assertEquals(VirtioBlk.S_OK, again.run(VirtioBlk.T_IN, 0, 512, Served.WAIT_MILLIS));
            }
        }
    }

    @Test
    void aDisabledRingKeepsItsRequestsForLater() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            guest.frontend.tell(new Request.SetVringEnable(0, false));
            queue.prepare(0, VirtioBlk.T_IN, 0, 512);
            queue.submit();
            assertEquals(SplitDriver.NONE, queue.await(100));
            guest.frontend.tell(new Request.SetVringEnable(0, true));
            assertEquals(0, queue.await(Served.WAIT_MILLIS));
        }
    }
}
