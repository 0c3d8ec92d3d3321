package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.EventFd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A hostile guest, each rule of the ring broken alone: that ring stops and says so, the other ring and the connection go on.
 * What the monitor can do is in {@link HostileFrontEndTest}, memory that shrinks in {@link ShrunkMemoryTest}, packed rings
 * in {@link PackedRingTest}.
 */
class HostileRingTest {
    /** Guest address of 4 KiB that every attack may use: the end of {@link Served#guest}'s memory. */
    private static final long AT = 0x1_0000_0000L + (4 << 20) - 4096;

    private static final int NEXT = SplitDriver.NEXT;
    private static final int WRITE = SplitDriver.WRITE;
    private static final int INDIRECT = SplitDriver.INDIRECT;

    @RegisterExtension
    final ServedPattern pattern = new ServedPattern();

    private PatternDevice device;
    private Served served;

    @BeforeEach
    void serve() {
        device = pattern.device();
        served = pattern.served();
    }

    /** Writes something bad into a ring. */
    interface Attack {
        void on(SplitDriver ring);
    }

    private record Descriptor(long address, long lengthBytes, int flags, int next) {}

    /** A chain that starts with descriptor 0 of these. */
    private static Named<Attack> chain(String name, Descriptor... descriptors) {
        return Named.of(name, ring -> {
            for (int i = 0; i < descriptors.length; i++) {
                Descriptor one = descriptors[i];
                ring.describe(i, one.address, one.lengthBytes, one.flags, one.next);
            }
            ring.offer(0);
        });
    }

    static Stream<Named<Attack>> attacks() {
        return Stream.of(
                Named.of("a head beyond the ring", ring -> ring.offer(128)),
                Named.of("a head of 65535", ring -> ring.offer(65535)),
                Named.of("an index that jumps ahead", ring -> ring.jump(129)),
                Named.of("an index that jumps back", ring -> ring.jump(-1)),
                chain("a descriptor that is its own next one", new Descriptor(AT, 16, NEXT, 0)),
                chain("a loop of two", new Descriptor(AT, 16, NEXT, 1), new Descriptor(AT, 16, NEXT, 0)),
                chain("a next descriptor beyond the ring", new Descriptor(AT, 16, NEXT, 128)),
                chain("a header of no bytes", new Descriptor(AT, 0, NEXT, 1), new Descriptor(AT, 513, WRITE, 0)),
                chain("a buffer of no bytes", new Descriptor(AT, 0, WRITE, 0)),
                chain("a buffer of 2^32 - 1 bytes", new Descriptor(AT, 0xffff_ffffL, WRITE, 0)),
                chain("a buffer that wraps around", new Descriptor(-8, 16, WRITE, 0)),
                chain("a buffer at address 0", new Descriptor(0, 16, 0, 0)),
                chain("a buffer across the end of a region into nothing", new Descriptor(AT + 4080, 17, WRITE, 0)),
                chain("a buffer across the start of a region", new Descriptor(0x1_0000_0000L - 1, 16, WRITE, 0)),
                chain(
                        "a readable buffer after a writable one",
                        new Descriptor(AT, 16, NEXT | WRITE, 1),
                        new Descriptor(AT, 16, 0, 0)),
                chain("an indirect descriptor with a next one", new Descriptor(AT, 32, INDIRECT | NEXT, 1)),
                chain("an indirect table of no bytes", new Descriptor(AT, 0, INDIRECT, 0)),
                chain("an indirect table of 17 bytes", new Descriptor(AT, 17, INDIRECT, 0)),
                chain("an indirect table of 4 GiB", new Descriptor(AT, 0xffff_fff0L, INDIRECT, 0)),
                chain("an indirect table outside memory", new Descriptor(0x42, 32, INDIRECT, 0)),
                chain("an indirect table of zeroes", new Descriptor(AT, 32, INDIRECT, 0)));
    }

    @ParameterizedTest
    @MethodSource("attacks")
    void breaksThatRingOnly(Attack attack) throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver good = guest.queue(0);
                BlockDriver bad = guest.queue(1);
                OwnedFd err = EventFd.create()) {
            guest.frontend.tell(new Request.SetVringErr(1, true), err);
            attack.on(bad.driver());
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
    void writesToAReadOnlyDeviceAreErrorsOfThatRequest() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            for (int type : new int[] {VirtioBlk.T_OUT, VirtioBlk.T_DISCARD, VirtioBlk.T_WRITE_ZEROES}) {
                assertEquals(VirtioBlk.S_IOERR, queue.run(type, 0, 512, Served.WAIT_MILLIS));
            }
            assertEquals(VirtioBlk.S_UNSUPP, queue.run(99, 0, 512, Served.WAIT_MILLIS));
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_FLUSH, 0, 0, Served.WAIT_MILLIS));
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
}
