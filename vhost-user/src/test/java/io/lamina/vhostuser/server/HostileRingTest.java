package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.EventFd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.protocol.VhostUserException;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each rule of the ring broken alone: that ring stops and says so, the other ring and the connection go on. */
class HostileRingTest {
    @TempDir
    private Path directory;

    private PatternDevice device;
    private Served served;

    @BeforeEach
    void serve() throws IOException {
        device = new PatternDevice(1 << 20);
        served = new Served(device, directory);
    }

    @AfterEach
    void stop() {
        served.close();
    }

    /** Writes something bad into a ring; {@code at} is the guest address of 4 KiB of scratch memory. */
    interface Attack {
        void on(SplitDriver ring, long at);
    }

    static Stream<Named<Attack>> attacks() {
        int next = SplitDriver.NEXT;
        int write = SplitDriver.WRITE;
        int indirect = SplitDriver.INDIRECT;
        return Stream.of(
                Named.of("a head beyond the ring", (ring, at) -> ring.offer(128)),
                Named.of("a head of 65535", (ring, at) -> ring.offer(65535)),
                Named.of("an index that jumps ahead", (ring, at) -> ring.jump(129)),
                Named.of("an index that jumps back", (ring, at) -> ring.jump(-1)),
                Named.of("a descriptor that is its own next one", (ring, at) -> {
                    ring.describe(0, at, 16, next, 0);
                    ring.offer(0);
                }),
                Named.of("a loop of two", (ring, at) -> {
                    ring.describe(0, at, 16, next, 1);
                    ring.describe(1, at, 16, next, 0);
                    ring.offer(0);
                }),
                Named.of("a next descriptor beyond the ring", (ring, at) -> {
                    ring.describe(0, at, 16, next, 128);
                    ring.offer(0);
                }),
                Named.of("a buffer of no bytes", (ring, at) -> {
                    ring.describe(0, at, 0, write, 0);
                    ring.offer(0);
                }),
                Named.of("a buffer of 2^32 - 1 bytes", (ring, at) -> {
                    ring.describe(0, at, 0xffff_ffffL, write, 0);
                    ring.offer(0);
                }),
                Named.of("a buffer that wraps around", (ring, at) -> {
                    ring.describe(0, -8, 16, write, 0);
                    ring.offer(0);
                }),
                Named.of("a buffer at address 0", (ring, at) -> {
                    ring.describe(0, 0, 16, 0, 0);
                    ring.offer(0);
                }),
                Named.of("a buffer one byte too long for the region", (ring, at) -> {
                    ring.describe(0, 0x1_0000_0000L + (4 << 20) - 16, 17, write, 0);
                    ring.offer(0);
                }),
                Named.of("a readable buffer after a writable one", (ring, at) -> {
                    ring.describe(0, at, 16, next | write, 1);
                    ring.describe(1, at, 16, 0, 0);
                    ring.offer(0);
                }),
                Named.of("an indirect descriptor with a next one", (ring, at) -> {
                    ring.describe(0, at, 32, indirect | next, 1);
                    ring.offer(0);
                }),
                Named.of("an indirect table of no bytes", (ring, at) -> {
                    ring.describe(0, at, 0, indirect, 0);
                    ring.offer(0);
                }),
                Named.of("an indirect table of 17 bytes", (ring, at) -> {
                    ring.describe(0, at, 17, indirect, 0);
                    ring.offer(0);
                }),
                Named.of("an indirect table of 4 GiB", (ring, at) -> {
                    ring.describe(0, at, 0xffff_fff0L, indirect, 0);
                    ring.offer(0);
                }),
                Named.of("an indirect table outside memory", (ring, at) -> {
                    ring.describe(0, 0x42, 32, indirect, 0);
                    ring.offer(0);
                }),
                Named.of("an indirect table of zeroes", (ring, at) -> {
                    ring.describe(0, at, 32, indirect, 0);
                    ring.offer(0);
                }));
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void breaksThatRingOnly(Attack attack) throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver good = guest.queue(0);
                BlockDriver bad = guest.queue(1);
                OwnedFd err = EventFd.create()) {
            guest.frontend.tell(new Request.SetVringErr(1, true), err);
            attack.on(bad.driver(), guest.memory.guestAddress(guest.memory.take(4096)));
            bad.driver().publish();
            EventFd.signal(bad.kick());
            if (!Poll.readable(err, Served.WAIT_MILLIS)) {
                throw new AssertionError("nobody said that the ring is broken");
            }
            assertEquals(SplitDriver.NONE, bad.poll(), "nothing was answered");
            assertEquals(VirtioBlk.S_OK, good.run(VirtioBlk.T_IN, 8, 4096, Served.WAIT_MILLIS));
            // The driver can reset it and go on.
            guest.frontend.stopRing(1);
            try (BlockDriver again = guest.queue(1)) {
                assertEquals(VirtioBlk.S_OK, again.run(VirtioBlk.T_IN, 8, 4096, Served.WAIT_MILLIS));
            }
        }
    }

    @Test
    void aChainThatTheDeviceStillHasCannotBeOfferedAgain() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(1);
                OwnedFd err = EventFd.create()) {
            guest.frontend.tell(new Request.SetVringErr(1, true), err);
            device.slow = true;
            queue.prepare(0, VirtioBlk.T_IN, 0, 512);
            queue.submit();
            queue.prepare(0, VirtioBlk.T_IN, 0, 512);
            queue.submit();
            EventFd.signal(queue.kick());
            assertTrue(Poll.readable(err, Served.WAIT_MILLIS));
            device.slow = false;
            device.letThrough.release(10);
            assertEquals(1, guest.frontend.stopRing(1));
            assertEquals(SplitDriver.NONE, queue.poll());
        }
    }

    @Test
    void aRequestWithoutAPlaceForItsStatusIsGivenBackUnanswered() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            long at = guest.memory.guestAddress(guest.memory.take(4096));
            queue.driver().describe(0, at, 16, 0, 0);
            queue.driver().offer(0);
            queue.submit();
            assertEquals(0, queue.await(Served.WAIT_MILLIS));
            assertEquals(0, queue.driver().lastLengthBytes());
            queue.driver().describe(0, at, 15, SplitDriver.NEXT, 1);
            queue.driver().describe(1, at + 64, 513, SplitDriver.WRITE, 0);
            queue.driver().offer(0);
            queue.submit();
            assertEquals(0, queue.await(Served.WAIT_MILLIS));
            assertEquals(0, queue.driver().lastLengthBytes());
        }
    }

    @Test
    void buffersThatOverlapTheRingHurtNobodyElse() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver good = guest.queue(0);
                BlockDriver bad = guest.queue(1)) {
            VringAddresses ring = bad.addresses(Served.QUEUE_SIZE);
            long ringAt = guest.memory.region().guestAddress()
                    + ring.descriptor()
                    - guest.memory.bytes().address();
            long header = guest.memory.guestAddress(guest.memory.take(4096));
            bad.driver().describe(0, header, 16, SplitDriver.NEXT, 1);
            bad.driver().describe(1, ringAt, 4096 + 1, SplitDriver.WRITE, 0);
            bad.driver().offer(0);
            bad.submit();
            bad.await(200);
            for (int i = 0; i < 100; i++) {
                assertEquals(VirtioBlk.S_OK, good.run(VirtioBlk.T_IN, 8, 4096, Served.WAIT_MILLIS));
            }
        }
    }

    @Test
    void ringAddressesThatAreUnalignedOrOutsideAreRefused() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = new BlockDriver(guest.memory, Served.QUEUE_SIZE, 2, 4096, guest.features)) {
            VringAddresses good = queue.addresses(Served.QUEUE_SIZE);
            long end = guest.memory.bytes().address() + guest.memory.bytes().byteSize();
            Stream<VringAddresses> bad = Stream.of(
                    new VringAddresses(false, good.descriptor() + 8, good.used(), good.available(), 0),
                    new VringAddresses(false, good.descriptor(), good.used() + 2, good.available(), 0),
                    new VringAddresses(false, good.descriptor(), good.used(), good.available() + 1, 0),
                    new VringAddresses(false, 0, good.used(), good.available(), 0),
                    new VringAddresses(false, end - 16, good.used(), good.available(), 0),
                    new VringAddresses(false, good.descriptor(), end - 4, good.available(), 0),
                    new VringAddresses(false, good.descriptor(), good.used(), -2, 0));
            guest.frontend.tell(new Request.SetVringNum(0, Served.QUEUE_SIZE));
            guest.frontend.tell(new Request.SetVringKick(0, true), queue.kick());
            for (VringAddresses addresses : bad.toList()) {
                assertThrows(
                        VhostUserException.class,
                        () -> guest.frontend.tell(new Request.SetVringAddr(0, addresses)),
                        addresses.toString());
            }
            guest.frontend.tell(new Request.SetVringAddr(0, good));
            guest.frontend.tell(new Request.SetVringCall(0, true), queue.call());
            guest.frontend.tell(new Request.SetVringEnable(0, true));
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 8, 4096, Served.WAIT_MILLIS));
        }
    }
}
