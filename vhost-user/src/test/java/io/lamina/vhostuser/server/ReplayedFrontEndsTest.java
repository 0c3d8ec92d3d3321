package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.EventFd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.protocol.DescriptorSocket;
import io.lamina.vhostuser.protocol.ReceivedFds;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What front-ends send that cannot be run here, replayed from files of bytes that were laid out by the specification's
 * tables and not by our codec; each answer is compared to the byte, and there is nothing else to read.
 */
class ReplayedFrontEndsTest {
    private static final int RING_SIZE = 128;
    private static final int RING_BYTES = 0x2000;
    private static final int HEADER_AT = 0x3000;
    private static final int DATA_AT = 0x4000;
    private static final int DATA_BYTES = 4096;

    @RegisterExtension
    final ServedPattern pattern = new ServedPattern();

    private final ByteBuffer received = ByteBuffer.allocate(4096);

    @ParameterizedTest
    @ValueSource(strings = {"cloud-hypervisor.txt", "dragonball.txt"})
    void everyAnswerIsRightToTheByte(String name) throws IOException {
        try (DescriptorSocket socket = new DescriptorSocket(UnixSocket.connect(pattern.served().socket), 4096);
                DriverMemory memory = new DriverMemory(4 << 20);
                OwnedFd kick = EventFd.create();
                OwnedFd call = EventFd.create()) {
            Map<String, OwnedFd> known = new HashMap<>(Map.of("memory", memory.fd(), "kick", kick, "call", call));
            int at = 0;
            for (String line : lines(name)) {
                at++;
                String[] parts = line.split(" \\+ ", -1);
                String beside = parts.length > 1 ? parts[1] : "";
                switch (line.isEmpty() ? '#' : line.charAt(0)) {
                    case '#' -> {}
                    case '>' ->
                        socket.send(
                                ByteBuffer.wrap(bytes(parts[0])),
                                beside.isEmpty() ? List.of() : List.of(known.get(beside)));
                    case '<' -> expect(socket, parts[0], beside, known, name + ":" + at);
                    default -> read(memory.bytes(), kick, call, Integer.parseInt(line.substring("read ".length())));
                }
            }
            assertTrue(!Poll.readable(socket.fd(), 50), "nothing comes unasked");
            OwnedFd inflight = known.get("inflight");
            if (inflight != null) {
                inflight.close();
            }
        }
    }

    private static List<String> lines(String name) throws IOException {
        try (InputStream file = ReplayedFrontEndsTest.class.getResourceAsStream(name)) {
            return new String(file.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .toList();
        }
    }

    private static byte[] bytes(String line) {
        return HexFormat.of().parseHex(line.substring(2).replace(" ", ""));
    }

    private void expect(DescriptorSocket socket, String line, String beside, Map<String, OwnedFd> known, String where)
            throws IOException {
        byte[] expected = bytes(line);
        received.clear().limit(expected.length);
        try (ReceivedFds fds = new ReceivedFds()) {
            while (received.hasRemaining()) {
                assertTrue(Poll.readable(socket.fd(), Served.WAIT_MILLIS), where + ": an answer comes");
                assertTrue(socket.receive(received, fds) > 0, where + ": the connection goes on");
            }
            assertEquals(
                    HexFormat.of().formatHex(expected),
                    HexFormat.of().formatHex(received.array(), 0, expected.length),
                    where);
            assertEquals(beside.isEmpty() ? 0 : 1, fds.count(), where + ": descriptors");
            if (!beside.isEmpty()) {
                known.put(beside, fds.take(0));
            }
        }
    }

    /** Reads a number of sectors as a guest does, through the ring that the bytes have named. */
    private static void read(MemorySegment guest, OwnedFd kick, OwnedFd call, int count) throws IOException {
        SplitDriver driver = new SplitDriver(guest.asSlice(0, RING_BYTES), RING_SIZE, VirtioFeatures.RING_EVENT_IDX);
        for (int sector = 0; sector < count; sector++) {
            guest.set(ValueLayout.JAVA_INT, HEADER_AT, VirtioBlk.T_IN);
            guest.set(ValueLayout.JAVA_LONG, HEADER_AT + 8, sector);
            driver.describe(0, HEADER_AT, VirtioBlk.HEADER_BYTES, SplitDriver.NEXT, 1);
            driver.describe(1, DATA_AT, DATA_BYTES, SplitDriver.NEXT | SplitDriver.WRITE, 2);
            driver.describe(2, HEADER_AT + VirtioBlk.HEADER_BYTES, 1, SplitDriver.WRITE, 0);
            driver.offer(0);
            if (driver.publish()) {
                EventFd.signal(kick);
            }
            while (driver.poll() == SplitDriver.NONE) {
                if (!driver.enableInterrupts()) {
                    assertTrue(Poll.readable(call, Served.WAIT_MILLIS), "the guest is interrupted");
                    EventFd.drain(call);
                }
            }
            assertEquals(VirtioBlk.S_OK, guest.get(ValueLayout.JAVA_BYTE, HEADER_AT + VirtioBlk.HEADER_BYTES));
            ServedPattern.assertPattern(guest.asSlice(DATA_AT), sector * 512L, DATA_BYTES);
        }
    }
}
