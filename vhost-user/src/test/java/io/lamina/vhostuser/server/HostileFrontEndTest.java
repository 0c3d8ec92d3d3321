package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.EventFd;
import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Pipe;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.DescriptorSocket;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.protocol.VhostUserException;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A hostile monitor, one attack at a time: it ends in an error on that queue or connection, everybody else is served, and
 * no descriptor stays open (which {@link ServedPattern} checks after each test). Where each attack of a guest or a monitor
 * is tried:
 *
 * <table>
 * <caption>Attacks</caption>
 * <tr><td>descriptor loops; lengths of 2^32 - 1; addresses outside any region or across the border of one; indices that
 *     jump; headers of no bytes</td><td>{@link HostileRingTest#breaksThatRingOnly}; {@link PackedRingTest}</td></tr>
 * <tr><td>buffers across two adjacent regions, which are legal</td>
 *     <td>{@link DeviceServerTest#aBufferAcrossTwoAdjacentRegionsIsFilled}</td></tr>
 * <tr><td>headers that are too short</td>
 *     <td>{@link HostileRingTest#aRequestWithoutAPlaceForItsStatusIsGivenBackUnanswered}</td></tr>
 * <tr><td>writes to a read-only device</td>
 *     <td>{@link HostileRingTest#writesToAReadOnlyDeviceAreErrorsOfThatRequest}</td></tr>
 * <tr><td>a truncated memfd</td>
 *     <td>{@link ShrunkMemoryTest}; that sealed ones are demanded, {@link #regionsThatCannotBeAreRefused}</td></tr>
 * <tr><td>everything else</td><td>here</td></tr>
 * </table>
 */
class HostileFrontEndTest {
    private static final int CONNECTIONS = 3000;
    private static final int CONNECTIONS_AT_ONCE = 1000;
    private static final int DEVICES = 500;

    @RegisterExtension
    final ServedPattern pattern = new ServedPattern();

    private Served served;

    @BeforeEach
    void serve() {
        served = pattern.served();
    }

    private static void assertRefused(Served.Guest guest, Request request, OwnedFd... fds) {
        assertThrows(VhostUserException.class, () -> guest.frontend.tell(request, fds), request.toString());
    }

    private static void assertReads(BlockDriver queue) throws IOException {
        assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 8, 4096, Served.WAIT_MILLIS));
    }

    @Test
    void refusedRequestsAreAcknowledgedAndTheConnectionGoesOn() throws IOException {
        try (Served.Guest guest = served.guest()) {
            List<Request> wrong = List.of(
                    new Request.SetVringBase(0, 1 << 16),
                    new Request.SetVringKick(0, false),
                    new Request.SetVringEnable(9, true),
                    new Request.SetVringNum(4, 128),
                    new Request.SetVringNum(0xffff_ffffL, 128),
                    new Request.SetConfig(0, 0, 0),
                    new Request.RemMemReg(new RegionDescription(1, 2, 3, 4)),
                    new Request.Unknown(77));
            for (Request request : wrong) {
                assertRefused(guest, request);
            }
            try (BlockDriver queue = guest.queue(1)) {
                assertReads(queue);
            }
        }
    }

    @Test
    void aVirtualIommuIsRefusedByName() throws Exception {
        try (Served.Guest guest = served.guest()) {
            assertRefused(guest, new Request.IotlbMsg());
            guest.frontend.post(new Request.IotlbMsg(), List.of());
            assertTrue(served.awaitEnd().contains("virtual IOMMU"), "without an acknowledgement the connection ends");
        }
        // What QEMU does with -device intel-iommu: the ring's addresses are the guest's.
        try (Served.Guest guest = served.guest();
                OwnedFd kick = EventFd.create()) {
            long at = guest.memory.region().guestAddress();
            guest.frontend.tell(new Request.SetVringNum(0, Served.QUEUE_SIZE));
            guest.frontend.tell(new Request.SetVringAddr(0, new VringAddresses(false, at, at + 4096, at + 8192, 0)));
            guest.frontend.post(new Request.SetVringKick(0, true), List.of(kick));
            assertTrue(served.awaitEnd().contains("virtual IOMMU"));
        }
    }

    @Test
    void ringSizesThatAreNoPowerOfTwoOrTooLargeAreRefused() throws IOException {
        try (Served.Guest guest = served.guest()) {
            for (long size : new long[] {0, 3, 127, 129, 1023, 2048, 32768, 1 << 20, 0x8000_0000L, 0xffff_ffffL}) {
                assertRefused(guest, new Request.SetVringNum(0, size));
            }
            try (BlockDriver queue = guest.queue(0)) {
                assertReads(queue);
            }
        }
    }

    @Test
    void ringAddressesThatAreUnalignedAreRefused() throws IOException {
        refusesRings((ring, _) -> Stream.of(
                new VringAddresses(false, ring.descriptor() + 8, ring.used(), ring.available(), 0),
                new VringAddresses(false, ring.descriptor(), ring.used() + 2, ring.available(), 0),
                new VringAddresses(false, ring.descriptor(), ring.used(), ring.available() + 1, 0)));
    }

    @Test
    void aUsedRingInUnmappedMemoryIsRefused() throws IOException {
        refusesRings((ring, end) -> Stream.of(
                new VringAddresses(false, ring.descriptor(), 0, ring.available(), 0),
                new VringAddresses(false, ring.descriptor(), end, ring.available(), 0),
                new VringAddresses(false, ring.descriptor(), -4, ring.available(), 0),
                // Its start is in memory and its end is not.
                new VringAddresses(false, ring.descriptor(), end - 4, ring.available(), 0)));
    }

    @Test
    void ringsOutsideMemoryAreRefused() throws IOException {
        refusesRings((ring, end) -> Stream.of(
                new VringAddresses(false, 0, ring.used(), ring.available(), 0),
                new VringAddresses(false, end - 16, ring.used(), ring.available(), 0),
                new VringAddresses(false, ring.descriptor(), ring.used(), -2, 0)));
    }

    /** Rings that are wrong, made of a right one and the end of the memory. */
    private interface WrongRings {
        Stream<VringAddresses> of(VringAddresses right, long end);
    }

    private void refusesRings(WrongRings wrong) throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = new BlockDriver(guest.memory, Served.QUEUE_SIZE, 2, 4096, guest.features)) {
            VringAddresses right = queue.addresses(Served.QUEUE_SIZE);
            guest.frontend.tell(new Request.SetVringNum(0, Served.QUEUE_SIZE));
            guest.frontend.tell(new Request.SetVringKick(0, true), queue.kick());
            long end = guest.memory.bytes().address() + guest.memory.bytes().byteSize();
            for (VringAddresses addresses : wrong.of(right, end).toList()) {
                assertRefused(guest, new Request.SetVringAddr(0, addresses));
            }
            guest.frontend.tell(new Request.SetVringAddr(0, right));
            guest.frontend.tell(new Request.SetVringCall(0, true), queue.call());
            guest.frontend.tell(new Request.SetVringEnable(0, true));
            assertReads(queue);
        }
    }

    @Test
    void regionsThatCannotBeAreRefused() throws IOException {
        try (Served.Guest guest = served.guest();
                OwnedFd sealed = Memfd.create("sealed", 1 << 16);
                OwnedFd unsealed = Memfd.create("unsealed", 1 << 16)) {
            Memfd.seal(sealed, Memfd.F_SEAL_SHRINK);
            List<RegionDescription> regions = List.of(
                    new RegionDescription(0, 0, 0, 0),
                    new RegionDescription(0, -1, 0, 0),
                    new RegionDescription(0, 1 << 17, 0, 0),
                    new RegionDescription(0, 4096, 0, 1 << 16),
                    new RegionDescription(0, 4096, 0, -4096),
                    new RegionDescription(-4095, 4096, 0, 0),
                    new RegionDescription(0, 4096, -1, 0));
            for (RegionDescription region : regions) {
                assertRefused(guest, new Request.AddMemReg(region), sealed);
            }
            assertRefused(guest, new Request.AddMemReg(new RegionDescription(0, 1 << 16, 0, 0)), unsealed);
            assertRefused(guest, new Request.AddMemReg(guest.memory.region()));
            try (BlockDriver queue = guest.queue(1)) {
                assertReads(queue);
            }
        }
    }

    @Test
    void overlappingRegionsAreRefused() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            RegionDescription whole = guest.memory.region();
            long elsewhere = 0x7777_0000_0000L;
            List<RegionDescription> overlapping = List.of(
                    whole,
                    new RegionDescription(whole.guestAddress() + whole.sizeBytes() - 1, 4096, elsewhere, 0),
                    new RegionDescription(whole.guestAddress() - 4095, 4096, elsewhere, 0),
                    new RegionDescription(elsewhere, 4096, whole.userAddress() + 4096, 0));
            for (RegionDescription region : overlapping) {
                assertRefused(guest, new Request.AddMemReg(region), guest.memory.fd());
            }
            assertReads(queue);
        }
    }

    @Test
    void aTableThatOverlapsItselfLeavesNoRingInOldMemory() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            RegionDescription whole = guest.memory.region();
            RegionDescription high = new RegionDescription(
                    whole.guestAddress() + (2 << 20), 2 << 20, whole.userAddress() + (2 << 20), 2 << 20);
            assertRefused(guest, new Request.SetMemTable(List.of(high, high)), guest.memory.fd(), guest.memory.fd());
            guest.frontend.tell(new Request.SetVringEnable(0, true));
            queue.prepare(0, VirtioBlk.T_IN, 0, 512);
            queue.submit();
            assertEquals(SplitDriver.NONE, queue.await(100));
            guest.frontend.tell(new Request.SetMemTable(List.of(whole)), guest.memory.fd());
            guest.frontend.tell(new Request.SetVringAddr(0, queue.addresses(Served.QUEUE_SIZE)));
            assertEquals(0, queue.await(Served.WAIT_MILLIS));
        }
    }

    @Test
    void descriptorsOfTheWrongKindAreRefused() throws Exception {
        Pipe pipe = Pipe.create();
        try (Served.Guest guest = served.guest();
                OwnedFd event = EventFd.create();
                OwnedFd memory = Memfd.create("no-signal", 1 << 16);
                UnixSocket.Pair sockets = UnixSocket.pair();
                OwnedFd readEnd = pipe.readEnd();
                OwnedFd writeEnd = pipe.writeEnd()) {
            for (OwnedFd wrong : List.of(event, readEnd, sockets.first())) {
                assertRefused(guest, new Request.AddMemReg(new RegionDescription(0, 4096, 0, 0)), wrong);
                assertRefused(guest, new Request.SetInflightFd(new Request.InflightDescription(4096, 0, 1, 16)), wrong);
                assertRefused(guest, new Request.SetLogBase(4096, 0), wrong);
            }
            for (OwnedFd wrong : List.of(memory, sockets.first())) {
                assertRefused(guest, new Request.SetVringKick(0, true), wrong);
                assertRefused(guest, new Request.SetVringCall(0, true), wrong);
                assertRefused(guest, new Request.SetVringErr(0, true), wrong);
            }
            assertRefused(guest, new Request.SetVringKick(0, true));
            // A pipe can be waited for and written, whichever end it is, and hurts nobody.
            guest.frontend.tell(new Request.SetVringCall(1, true), readEnd);
            guest.frontend.tell(new Request.SetVringErr(1, true), writeEnd);
            try (BlockDriver queue = guest.queue(0)) {
                assertReads(queue);
            }
        }
    }

    @Test
    void descriptorsThatNobodyAskedForAreClosed() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0);
                OwnedFd event = EventFd.create()) {
            List<OwnedFd> many = Collections.nCopies(DescriptorSocket.MAX_FDS, event);
            for (int i = 0; i < 2000; i++) {
                guest.frontend.post(new Request.SetOwner(), many);
                guest.frontend.post(new Request.SetVringEnable(0, true), many);
            }
            assertReads(queue);
            assertEquals(4, guest.frontend.number(new Request.GetQueueNum()), "all of them have been heard");
        }
    }

    @Test
    void aFloodOfDescriptorsEndsTheConnection() throws Exception {
        ByteBuffer message = ByteBuffer.wrap(new byte[] {2, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8});
        try (OwnedFd event = EventFd.create()) {
            // Few beside each byte, and more than any message has beside all of them.
            List<OwnedFd> some = Collections.nCopies(3, event);
            for (int round = 0; round < 20; round++) {
                try (VhostUserFrontend flood = VhostUserFrontend.connect(served.socket)) {
                    assertThrows(IOException.class, () -> {
                        for (int at = 0; at < message.capacity(); at++) {
                            flood.socket().send(message.slice(at, 1), some);
                            Thread.sleep(1);
                        }
                        flood.number(new Request.GetFeatures());
                    });
                }
                assertTrue(served.awaitEnd().contains("more than 32 descriptors"));
            }
        }
        pattern.assertStillServes();
    }

    @Test
    void aSecondClientIsTurnedAwayAndTheFirstIsNotDisturbed() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            for (int i = 0; i < 50; i++) {
                try (VhostUserFrontend second = VhostUserFrontend.connect(served.socket)) {
                    assertThrows(IOException.class, () -> second.number(new Request.GetFeatures()));
                }
            }
            assertReads(queue);
        }
    }

    @Test
    void thousandsOfConnectionsOnOneSocketDisturbNobody() throws IOException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            List<OwnedFd> held = new ArrayList<>();
            for (int i = 0; i < CONNECTIONS; i++) {
                held.add(UnixSocket.connect(served.socket));
                if (held.size() == CONNECTIONS_AT_ONCE) {
                    assertReads(queue);
                    held.forEach(OwnedFd::close);
                    held.clear();
                }
            }
            assertReads(queue);
        }
    }

    @Test
    void connectionsThatComeAndGoLeaveRoomForAnHonestOne() throws Exception {
        byte[][] firstWords = {{}, {1}, {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}};
        for (int i = 0; i < CONNECTIONS; i++) {
            try (VhostUserFrontend passing = VhostUserFrontend.connect(served.socket)) {
                passing.socket().send(ByteBuffer.wrap(firstWords[i % firstWords.length]), List.of());
            } catch (IOException turnedAway) {
                // The one before had not been given up yet.
            }
        }
        // An honest one may find the last of them still there, and then comes again.
        for (int attempt = 0; ; attempt++) {
            try {
                pattern.assertStillServes();
                return;
            } catch (IOException turnedAway) {
                assertTrue(attempt < 100, "an honest front-end is never served");
                Thread.sleep(20);
            }
        }
    }

    @Test
    void hundredsOfSocketsWithAFewConnectionsEachAreAllServed() throws Exception {
        List<Served> devices = new ArrayList<>();
        List<Served.Guest> guests = new ArrayList<>();
        List<OwnedFd> others = new ArrayList<>();
        List<BlockDriver> queues = new ArrayList<>();
        try {
            for (int i = 0; i < DEVICES; i++) {
                Served device = new Served(
                        new PatternDevice(ServedPattern.SIZE_BYTES),
                        served.socket.getParent(),
                        served.loop,
                        served.slowLane,
                        false);
                devices.add(device);
                Served.Guest guest = device.new Guest(1 << 20);
                guests.add(guest);
                queues.add(guest.queue(0, 1, 4096));
                for (int more = 0; more < 4; more++) {
                    others.add(UnixSocket.connect(device.socket));
                }
            }
            for (BlockDriver queue : queues) {
                assertReads(queue);
            }
        } finally {
            others.forEach(OwnedFd::close);
            queues.forEach(BlockDriver::close);
            guests.forEach(Served.Guest::close);
            devices.forEach(Served::close);
        }
    }

    @Test
    void halfMessagesAndBrokenFramingEndTheConnectionOnly() throws Exception {
        byte[][] starts = {
            {1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0},
            {1, 0, 0, 0, 1, 0, 0, 0, -1, -1, -1, -1},
            {1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8},
            {5, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0},
            {1, 0, 0},
            {8, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1, 2},
        };
        try (OwnedFd event = EventFd.create()) {
            for (byte[] start : starts) {
                try (VhostUserFrontend client = VhostUserFrontend.connect(served.socket)) {
                    client.socket().send(ByteBuffer.wrap(start), List.of(event));
                }
                served.awaitEnd();
            }
        }
        pattern.assertStillServes();
    }

    @Test
    void aFrontEndThatAsksAndNeverListensIsLetGo() throws Exception {
        try (VhostUserFrontend deaf = VhostUserFrontend.connect(served.socket)) {
            assertThrows(IOException.class, () -> {
                for (int i = 0; i < 100_000; i++) {
                    deaf.post(new Request.GetConfig(0, 4000, 0), List.of());
                }
            });
        }
        served.awaitEnd();
        pattern.assertStillServes();
    }
}
