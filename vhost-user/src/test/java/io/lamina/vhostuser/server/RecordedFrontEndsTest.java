package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.MessageCodec;
import io.lamina.vhostuser.protocol.ProtocolFeatures;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The messages of front-ends that are tried for themselves elsewhere (crosvm alone is not), in their order and with their
 * acknowledgements; {@link ReplayedFrontEndsTest} has others by their bytes. A reply that comes
 * unasked, or does not come, is seen: the replies are read in the order in which they are due.
 */
class RecordedFrontEndsTest {
    private static final int QUEUE_SIZE = 128;

    @TempDir
    private Path directory;

    private Served served;
    private VhostUserFrontend frontend;
    private DriverMemory memory;

    @BeforeEach
    void serve() throws IOException {
        served = new Served(new PatternDevice(1 << 20), directory);
        frontend = VhostUserFrontend.connect(served.socket);
        memory = new DriverMemory(4 << 20);
    }

    @AfterEach
    void stop() {
        frontend.close();
        memory.close();
        served.close();
    }

    private long ask(Request request, boolean needReply) throws IOException {
        frontend.send(request, needReply, new byte[0], List.of());
        return MessageCodec.decodeU64(frontend.reply());
    }

    private void acknowledged(Request request, OwnedFd... fds) throws IOException {
        frontend.send(request, true, new byte[0], List.of(fds));
        assertEquals(0, MessageCodec.decodeU64(frontend.reply()), request.toString());
    }

    private void posted(Request request, OwnedFd... fds) throws IOException {
        frontend.send(request, false, new byte[0], List.of(fds));
    }

    private void assertReads(BlockDriver queue) throws IOException {
        for (int i = 0; i < 20; i++) {
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, i, 4096, Served.WAIT_MILLIS));
            assertEquals(PatternDevice.at(i * 512L), queue.data(0).get(ValueLayout.JAVA_LONG, 0));
        }
    }

    @Test
    void crosvmAsksForSingleFieldsAndNeverForAcknowledgements() throws IOException {
        posted(new Request.SetOwner());
        long offered = ask(new Request.GetFeatures(), false);
        long protocol = ask(new Request.GetProtocolFeatures(), false);
        posted(new Request.SetProtocolFeatures(protocol & ~ProtocolFeatures.INFLIGHT_SHMFD));
        posted(new Request.SetFeatures(offered & ~VirtioFeatures.RING_PACKED));
        assertTrue(ask(new Request.GetQueueNum(), false) >= 1);
        for (int offset = 0; offset < 64; offset += 4) {
            assertEquals(4, frontend.config(offset, 4).bytes().remaining());
        }
        try (BlockDriver queue = new BlockDriver(memory, QUEUE_SIZE, 2, 4096, offered)) {
            posted(new Request.SetMemTable(List.of(memory.region())), memory.fd());
            posted(new Request.SetVringNum(0, QUEUE_SIZE));
            posted(new Request.SetVringAddr(0, queue.addresses(QUEUE_SIZE)));
            posted(new Request.SetVringBase(0, 0));
            posted(new Request.SetVringCall(0, true), queue.call());
            posted(new Request.SetVringKick(0, true), queue.kick());
            posted(new Request.SetVringEnable(0, true));
            assertReads(queue);
        }
    }

    @Test
    void qemuStartsTheDeviceForItsFirmwareAndAgainForLinux() throws IOException {
        long offered = ask(new Request.GetFeatures(), false);
        long protocol = ask(new Request.GetProtocolFeatures(), false);
        posted(new Request.SetProtocolFeatures(protocol));
        assertTrue(ask(new Request.GetQueueNum(), false) >= 2);
        assertEquals(509, ask(new Request.GetMaxMemSlots(), false));
        posted(new Request.SetOwner());
        assertEquals(offered, ask(new Request.GetFeatures(), false));
        frontend.send(new Request.GetConfig(0, 57, 0), false, new byte[0], List.of());
        assertEquals(57, MessageCodec.decodeConfig(frontend.reply()).bytes().remaining());
        acknowledged(new Request.AddMemReg(memory.region()), memory.fd());
        // Firmware: no EVENT_IDX, one queue; then Linux on the same connection with new addresses.
        long[] accepted = {0x1_4000_0044L, offered & ~(1L << 26) & ~VirtioFeatures.RING_PACKED};
        for (long features : accepted) {
            try (BlockDriver queue = new BlockDriver(memory, QUEUE_SIZE, 2, 4096, features)) {
                posted(new Request.SetFeatures(features));
                posted(new Request.SetVringCall(0, true), queue.call());
                posted(new Request.SetVringCall(1, false));
                posted(new Request.SetFeatures(features));
                posted(new Request.SetVringNum(0, QUEUE_SIZE));
                posted(new Request.SetVringBase(0, 0));
                acknowledged(new Request.SetVringAddr(0, queue.addresses(QUEUE_SIZE)));
                posted(new Request.SetVringKick(0, true), queue.kick());
                posted(new Request.SetVringEnable(0, true));
                posted(new Request.SetVringEnable(1, true));
                // The interrupt is rerouted while the queue runs.
                posted(new Request.SetVringCall(0, false));
                posted(new Request.SetVringCall(0, true), queue.call());
                assertReads(queue);
                posted(new Request.SetVringEnable(0, false));
                posted(new Request.SetVringEnable(1, false));
                assertEquals(20, frontend.stopRing(0));
            }
        }
    }

    @Test
    void libblkioWantsAnAcknowledgementOfEverything() throws IOException {
        posted(new Request.SetOwner());
        long offered = ask(new Request.GetFeatures(), false);
        posted(new Request.SetFeatures(offered & ~VirtioFeatures.RING_PACKED));
        assertEquals(0x8209, ask(new Request.GetProtocolFeatures(), false) & 0x8209);
        posted(new Request.SetProtocolFeatures(0x8209));
        assertTrue(ask(new Request.GetQueueNum(), true) >= 1);
        assertEquals(509, ask(new Request.GetMaxMemSlots(), true));
        frontend.send(new Request.GetConfig(0, 60, 0), true, new byte[0], List.of());
        ByteBuffer config = MessageCodec.decodeConfig(frontend.reply()).bytes();
        assertEquals(60, config.remaining());
        try (BlockDriver queue = new BlockDriver(memory, 256, 2, 4096, offered)) {
            VringAddresses ring = queue.addresses(256);
            acknowledged(new Request.AddMemReg(memory.region()), memory.fd());
            acknowledged(new Request.SetVringNum(0, 256));
            acknowledged(new Request.SetVringBase(0, 0));
            acknowledged(new Request.SetVringAddr(0, ring));
            acknowledged(new Request.SetVringKick(0, true), queue.kick());
            acknowledged(new Request.SetVringCall(0, true), queue.call());
            acknowledged(new Request.SetVringEnable(0, true));
            assertReads(queue);
        }
    }
}
