package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.EventFd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.virtqueue.PackedDriver;
import io.lamina.vhostuser.virtqueue.PackedDriver.Buffer;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Packed rings: right bytes whatever the chains look like, and each rule broken alone. */
class PackedRingTest {
    private static final int SIZE = 16;
    private static final int DEVICE_BYTES = 1 << 20;
    private static final int DATA_BYTES = 4096;
    private static final int WRITE = SplitDriver.WRITE;
    private static final int INDIRECT = SplitDriver.INDIRECT;

    @TempDir
    private Path directory;

    private Served served;
    private VhostUserFrontend frontend;
    private DriverMemory memory;
    private PackedDriver driver;
    private OwnedFd kick;
    private OwnedFd call;
    private OwnedFd err;
    private MemorySegment frames;
    private MemorySegment data;

    @BeforeEach
    void start() throws IOException {
        served = new Served(new PatternDevice(DEVICE_BYTES), directory);
        frontend = VhostUserFrontend.connect(served.socket);
        memory = new DriverMemory(1 << 20);
        frames = memory.take(SIZE * 64L);
        data = memory.take((long) SIZE * DATA_BYTES);
        driver = new PackedDriver(memory.take(PackedDriver.bytes(SIZE)), SIZE);
        kick = EventFd.create();
        call = EventFd.create();
        err = EventFd.create();
        long features = frontend.number(new Request.GetFeatures());
        frontend.negotiateProtocol(-1);
        frontend.tell(new Request.SetFeatures(features));
        frontend.tell(new Request.AddMemReg(memory.region()), memory.fd());
        frontend.tell(new Request.SetVringNum(0, SIZE));
        frontend.tell(new Request.SetVringBase(0, 0x8000_8000L));
        frontend.tell(new Request.SetVringAddr(0, driver.addresses()));
        frontend.tell(new Request.SetVringCall(0, true), call);
        frontend.tell(new Request.SetVringErr(0, true), err);
        frontend.tell(new Request.SetVringKick(0, true), kick);
        frontend.tell(new Request.SetVringEnable(0, true));
    }

    @AfterEach
    void stop() {
        frontend.close();
        served.close();
        kick.close();
        call.close();
        err.close();
        memory.close();
    }

    private long frame(int id) {
        return memory.guestAddress(frames) + 64L * id;
    }

    /** Offers a read, its data in so many buffers. */
    private void read(int id, long sector, int pieces) {
        frames.set(ValueLayout.JAVA_INT, 64L * id, VirtioBlk.T_IN);
        frames.set(ValueLayout.JAVA_LONG, 64L * id + 8, sector);
        frames.set(ValueLayout.JAVA_BYTE, 64L * id + 16, (byte) 0x55);
        List<Buffer> chain = new ArrayList<>(List.of(new Buffer(frame(id), 16, 0)));
        long at = memory.guestAddress(data) + (long) id * DATA_BYTES;
        for (int piece = 0; piece < pieces; piece++) {
            chain.add(new Buffer(at + 512L * piece, 512, WRITE));
        }
        chain.add(new Buffer(frame(id) + 16, 1, WRITE));
        driver.offer(id, chain.toArray(new Buffer[0]));
    }

    private int await() throws IOException {
        for (int id = driver.poll(); ; id = driver.poll()) {
            if (id != PackedDriver.NONE) {
                return id;
            }
            assertTrue(Poll.readable(call, Served.WAIT_MILLIS), "the device answers");
            EventFd.drain(call);
        }
    }

    private void check(int id, long sector, int pieces) {
        assertEquals(VirtioBlk.S_OK, frames.get(ValueLayout.JAVA_BYTE, 64L * id + 16));
        for (long i = 0; i < 512L * pieces; i += 8) {
            assertEquals(
                    PatternDevice.at(sector * 512 + i), data.get(ValueLayout.JAVA_LONG, (long) id * DATA_BYTES + i));
        }
    }

    @Test
    void chainsOfAllLengthsAreReadAcrossTheEndOfTheRing() throws IOException {
        Random random = new Random(17);
        for (int round = 0; round < 3000; round++) {
            int[] pieces = {1 + random.nextInt(3), 1 + random.nextInt(3), 1 + random.nextInt(3)};
            long[] sectors = random.longs(3, 0, DEVICE_BYTES / 512 - 4).toArray();
            for (int id = 0; id < 3; id++) {
                read(5 + id, sectors[id], pieces[id]);
            }
            EventFd.signal(kick);
            for (int left = 3; left > 0; left--) {
                int id = await();
                check(id, sectors[id - 5], pieces[id - 5]);
            }
        }
        // It goes on where it stopped, in whatever lap that is.
        long base = frontend.stopRing(0);
        assertEquals(base & 0xffff, base >>> 16, "nothing is under way");
        frontend.tell(new Request.SetVringBase(0, base));
        frontend.tell(new Request.SetVringAddr(0, driver.addresses()));
        frontend.tell(new Request.SetVringCall(0, true), call);
        frontend.tell(new Request.SetVringKick(0, true), kick);
        frontend.tell(new Request.SetVringEnable(0, true));
        read(1, 99, 2);
        EventFd.signal(kick);
        assertEquals(1, await());
        check(1, 99, 2);
    }

    @Test
    void anIndirectTableIsReadInItsOrder() throws IOException {
        frames.set(ValueLayout.JAVA_INT, 0, VirtioBlk.T_IN);
        frames.set(ValueLayout.JAVA_LONG, 8, 7);
        MemorySegment table = memory.take(48);
        // A split ring's table but for the place of the flags, which the packed one has where that one has NEXT.
        SplitDriver.describe(table, 0, frame(0), 16, 0, 0);
        SplitDriver.describe(table, 1, memory.guestAddress(data), 1024, 0, WRITE);
        SplitDriver.describe(table, 2, frame(0) + 16, 1, 0, WRITE);
        driver.offer(0, new Buffer(memory.guestAddress(table), 48, INDIRECT));
        EventFd.signal(kick);
        assertEquals(0, await());
        check(0, 7, 2);
    }

    /** Makes something bad available; {@code at} is the guest address of some memory. */
    interface Attack {
        void on(PackedDriver ring, long at);
    }

    static Stream<Named<Attack>> attacks() {
        return Stream.of(
                Named.of("an id beyond the ring", (ring, at) -> ring.offer(SIZE, new Buffer(at, 16, 0))),
                Named.of("an id of 65535", (ring, at) -> ring.offer(65535, new Buffer(at, 16, 0))),
                Named.of("a chain without an end", (ring, at) -> {
                    for (int i = 0; i < SIZE; i++) {
                        ring.offer(1, new Buffer(at, 16, SplitDriver.NEXT));
                    }
                }),
                Named.of("a buffer of no bytes", (ring, at) -> ring.offer(1, new Buffer(at, 0, WRITE))),
                Named.of("a buffer of 2^32 - 1 bytes", (ring, at) -> ring.offer(1, new Buffer(at, -1, WRITE))),
                Named.of("a buffer that wraps around", (ring, at) -> ring.offer(1, new Buffer(-8, 16, WRITE))),
                Named.of(
                        "a readable buffer after a writable one",
                        (ring, at) -> ring.offer(1, new Buffer(at, 16, WRITE), new Buffer(at, 16, 0))),
                Named.of(
                        "an indirect descriptor with a next one",
                        (ring, at) -> ring.offer(1, new Buffer(at, 32, INDIRECT), new Buffer(at, 16, 0))),
                Named.of("an indirect table of 17 bytes", (ring, at) -> ring.offer(1, new Buffer(at, 17, INDIRECT))),
                Named.of("an indirect table of 4 GiB", (ring, at) -> ring.offer(1, new Buffer(at, -16, INDIRECT))),
                Named.of("an indirect table of zeroes", (ring, at) -> ring.offer(1, new Buffer(at, 32, INDIRECT))));
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void breaksThatRingOnly(Attack attack) throws IOException {
        attack.on(driver, memory.guestAddress(memory.take(4096)));
        EventFd.signal(kick);
        assertTrue(Poll.readable(err, Served.WAIT_MILLIS), "the device says that the ring is broken");
        assertEquals(PackedDriver.NONE, driver.poll());
        frontend.tell(new Request.SetFeatures(BlockDriver.featuresOf(frontend)));
        try (BlockDriver split =
                new BlockDriver(memory, Served.QUEUE_SIZE, 1, 4096, BlockDriver.featuresOf(frontend))) {
            split.start(frontend, 1, Served.QUEUE_SIZE);
            assertEquals(VirtioBlk.S_OK, split.run(VirtioBlk.T_IN, 8, 4096, Served.WAIT_MILLIS));
        }
    }
}
