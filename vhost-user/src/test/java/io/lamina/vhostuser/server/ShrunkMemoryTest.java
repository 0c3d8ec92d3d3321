package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.EventFd;
import io.lamina.linux.Memfd;
import io.lamina.linux.MemoryMap;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A front-end whose memory may shrink, and does, under requests of which code has been compiled. */
class ShrunkMemoryTest {
    private static final int RING_SIZE = 16;
    private static final int KEPT_BYTES = 8192;
    private static final int LOST_BYTES = 1 << 16;
    private static final long GUEST = 0x10_0000;
    private static final int WARM = 20_000;

    @TempDir
    private Path directory;

    @Test
    void lostPagesBreakTheRingAndNothingIsPublishedForThem() throws Exception {
        EventLoop loop = new EventLoop("shrunk");
        SlowLane lane = new SlowLane(4);
        UnixSocket.Pair pair = UnixSocket.pair();
        DeviceServer server = DeviceServer.serve(
                new ServedDevice(new PatternDevice(1 << 20), 1, true, ServedDevice.ANY_UID),
                pair.second(),
                loop,
                lane,
                new DeviceServer.Events() {
                    @Override
                    public void connected(UnixSocket.PeerCredentials peer) {}

                    @Override
                    public void ended(String why) {}
                });
        try (Served other = new Served(new PatternDevice(1 << 20), directory, loop, lane, false);
                Served.Guest honest = other.guest();
                BlockDriver honestQueue = honest.queue(0);
                VhostUserFrontend frontend = new VhostUserFrontend(pair.first());
                Arena arena = Arena.ofShared();
                OwnedFd memfd = Memfd.create("shrinking", KEPT_BYTES + LOST_BYTES);
                OwnedFd kick = EventFd.create();
                OwnedFd err = EventFd.create()) {
            MemorySegment memory = MemoryMap.shared(memfd, 0, KEPT_BYTES + LOST_BYTES, arena);
            long features = BlockDriver.featuresOf(frontend);
            frontend.negotiateProtocol(-1);
            frontend.tell(new Request.SetFeatures(features));
            frontend.tell(
                    new Request.SetMemTable(List.of(new RegionDescription(GUEST, memory.byteSize(), GUEST, 0))), memfd);
            SplitDriver driver = start(frontend, memory, features, kick, err);
            for (int i = 0; i < WARM; i++) {
                read(driver, memory, kick);
                awaitUsed(driver);
            }
            assertEquals(VirtioBlk.S_OK, memory.get(ValueLayout.JAVA_BYTE, 4096 + 16));

            Memfd.resize(memfd, KEPT_BYTES);
            memory.set(ValueLayout.JAVA_BYTE, 4096 + 16, (byte) 0x77);
            read(driver, memory, kick);
            assertTrue(Poll.readable(err, Served.WAIT_MILLIS), "the ring is said to be broken");
            assertEquals(SplitDriver.NONE, driver.poll(), "nothing is published");
            assertEquals(VirtioBlk.S_OK, honestQueue.run(VirtioBlk.T_IN, 1, 4096, Served.WAIT_MILLIS));
        } finally {
            server.close().join();
            loop.close();
            lane.close();
        }
    }

    private static SplitDriver start(
            VhostUserFrontend frontend, MemorySegment memory, long features, OwnedFd kick, OwnedFd err)
            throws IOException {
        SplitDriver driver = new SplitDriver(memory.asSlice(0, 4096), RING_SIZE, features);
        frontend.tell(new Request.SetVringNum(0, RING_SIZE));
        frontend.tell(new Request.SetVringAddr(
                0,
                new VringAddresses(
                        false,
                        GUEST,
                        GUEST + SplitDriver.usedOffset(RING_SIZE),
                        GUEST + SplitDriver.availableOffset(RING_SIZE),
                        0)));
        frontend.tell(new Request.SetVringErr(0, true), err);
        frontend.tell(new Request.SetVringKick(0, true), kick);
        frontend.tell(new Request.SetVringEnable(0, true));
        return driver;
    }

    /** A read whose header and status are in memory that stays, and whose data is in memory that goes. */
    private static void read(SplitDriver driver, MemorySegment memory, OwnedFd kick) {
        memory.set(ValueLayout.JAVA_INT, 4096, VirtioBlk.T_IN);
        memory.set(ValueLayout.JAVA_LONG, 4096 + 8, 3);
        driver.describe(0, GUEST + 4096, 16, SplitDriver.NEXT, 1);
        driver.describe(1, GUEST + KEPT_BYTES, 4096, SplitDriver.NEXT | SplitDriver.WRITE, 2);
        driver.describe(2, GUEST + 4096 + 16, 1, SplitDriver.WRITE, 0);
        driver.offer(0);
        if (driver.publish()) {
            EventFd.signal(kick);
        }
    }

    private static void awaitUsed(SplitDriver driver) {
        long until = System.nanoTime() + Served.WAIT_MILLIS * 1_000_000L;
        while (driver.poll() == SplitDriver.NONE) {
            if (System.nanoTime() > until) {
                throw new AssertionError("no answer");
            }
            Thread.onSpinWait();
        }
    }
}
