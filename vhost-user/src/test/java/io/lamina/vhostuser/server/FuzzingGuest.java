package io.lamina.vhostuser.server;

import io.lamina.linux.EventFd;
import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.DriverMemory;
import io.lamina.vhostuser.frontend.VhostUserFrontend;
import io.lamina.vhostuser.protocol.DescriptorSocket;
import io.lamina.vhostuser.protocol.MessageCodec;
import io.lamina.vhostuser.protocol.ReceivedFds;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.protocol.Request.InflightDescription;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A front-end and its guest that do what occurs to them: messages that are nearly right, rings that are nearly right,
 * bytes that are nothing. Data buffers lie in an area of their own, so that every byte found there can be judged.
 */
final class FuzzingGuest implements AutoCloseable {
    static final int QUEUES = 4;

    private static final int RING_SIZE = 16;
    private static final int DATA_BYTES = 1 << 16;
    private static final int FRAME_BYTES = 1 << 14;
    private static final int MAX_ODD_BYTES = 1 << 13;
    private static final int CANARY = 0xca;

    private final Random random;
    private final DriverMemory memory = new DriverMemory(1 << 20);
    private final MemorySegment rings = memory.take(QUEUES * 4096L);
    private final MemorySegment frames = memory.take(FRAME_BYTES);
    private final MemorySegment data = memory.take(DATA_BYTES);
    private final SplitDriver[] drivers = new SplitDriver[QUEUES];
    private final List<OwnedFd> kicks = new ArrayList<>();
    private final List<OwnedFd> oddFds = new ArrayList<>();
    private final VhostUserFrontend frontend;
    private final ByteBuffer drain = ByteBuffer.allocate(8192);
    private final long features;
    private boolean over;

    FuzzingGuest(Path socket, Random random) throws IOException {
        this.random = random;
        OwnedFd connected = UnixSocket.connect(socket);
        frontend = new VhostUserFrontend(connected);
        data.fill((byte) CANARY);
        for (int i = 0; i < QUEUES; i++) {
            kicks.add(EventFd.create());
            drivers[i] = new SplitDriver(ring(i), RING_SIZE, 0);
        }
        oddFds.add(EventFd.create());
        oddFds.add(Memfd.create("odd", 8192));
        // Not this connection's own end: a server that is handed it never sees it closed, and serves nobody else.
        UnixSocket.Pair pair = UnixSocket.pair();
        oddFds.add(pair.first());
        oddFds.add(pair.second());
        long offered = frontend.number(new Request.GetFeatures());
        // Rings are filled as split ones; to a device that takes them for packed ones they are noise.
        long split = offered & ~(random.nextInt(4) == 0 ? 0 : VirtioFeatures.RING_PACKED);
        features = random.nextInt(4) == 0 ? (split & random.nextLong()) | (1L << 32) : split;
        frontend.negotiateProtocol(random.nextInt(4) == 0 ? random.nextLong() : -1);
        connected.setNonBlocking();
        say(new Request.SetFeatures(features), List.of());
        say(new Request.AddMemReg(memory.region()), List.of(memory.fd()));
        for (int i = 0; i < QUEUES; i++) {
            setUp(i);
        }
    }

    /** The connection has ended; another guest must be made. */
    boolean isOver() {
        return over;
    }

    /** One thing nearly right. */
    void mutate() throws IOException {
        int dice = random.nextInt(100);
        if (dice < 70) {
            useRing(random.nextInt(QUEUES));
        } else if (dice < 90) {
            say(request(), fds());
        } else if (dice < 98) {
            int index = random.nextInt(QUEUES);
            say(new Request.GetVringBase(index), List.of());
            setUp(index);
        } else {
            sayBytes();
        }
        listen();
    }

    /** What the device holds: bytes from 0xd0 to 0xdf and no others. */
    static long deviceWord(long offsetBytes) {
        return (PatternDevice.at(offsetBytes) & 0x0f0f_0f0f_0f0f_0f0fL) | 0xd0d0_d0d0_d0d0_d0d0L;
    }

    /** Every byte of the data area was there before, is one of the device's, or is a status; none is anybody else's. */
    void judge() {
        for (long at = 0; at < DATA_BYTES; at++) {
            int value = Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, at));
            if (value != CANARY && (value & 0xf0) != 0xd0 && value > VirtioBlk.S_UNSUPP) {
                throw new AssertionError("byte 0x" + Integer.toHexString(value) + " at " + at + " is not the device's");
            }
        }
    }

    private MemorySegment ring(int index) {
        return rings.asSlice(index * 4096L, 4096);
    }

    private void setUp(int index) throws IOException {
        ring(index).fill((byte) 0);
        drivers[index] = new SplitDriver(ring(index), RING_SIZE, features);
        long at = ring(index).address();
        say(new Request.SetVringNum(index, RING_SIZE), List.of());
        say(new Request.SetVringBase(index, 0), List.of());
        VringAddresses addresses = new VringAddresses(
                false, at, at + SplitDriver.usedOffset(RING_SIZE), at + SplitDriver.availableOffset(RING_SIZE), 0);
        say(new Request.SetVringAddr(index, addresses), List.of());
        say(new Request.SetVringKick(index, true), List.of(kicks.get(index)));
        say(new Request.SetVringCall(index, true), List.of(oddFds.get(0)));
        say(new Request.SetVringEnable(index, true), List.of());
    }

    private void useRing(int index) {
        SplitDriver driver = drivers[index];
        while (driver.poll() != SplitDriver.NONE) {
            // What it gave back is of no interest.
        }
        int frame = 64 * random.nextInt(FRAME_BYTES / 64);
        // Types below 8: the serial, type 8, is not made of the device's bytes.
        frames.set(ValueLayout.JAVA_INT, frame, random.nextInt(10) == 0 ? random.nextInt(8) : 0);
        frames.set(
                ValueLayout.JAVA_LONG, frame + 8, random.nextInt(10) == 0 ? random.nextLong() : random.nextInt(2000));
        int head = random.nextInt(RING_SIZE);
        boolean mutated = random.nextInt(3) == 0;
        if (!mutated) {
            long frameAt = memory.guestAddress(frames) + frame;
            driver.describe(head, frameAt, 16, SplitDriver.NEXT, (head + 1) % RING_SIZE);
            driver.describe(
                    (head + 1) % RING_SIZE,
                    dataAddress(),
                    512L * (1 + random.nextInt(4)),
                    SplitDriver.NEXT | SplitDriver.WRITE,
                    (head + 2) % RING_SIZE);
            driver.describe((head + 2) % RING_SIZE, frameAt + 16, 1, SplitDriver.WRITE, 0);
        } else {
            MemorySegment table = frames.asSlice(64L * random.nextInt(FRAME_BYTES / 64 - 4), 256);
            for (int i = 0; i < 4; i++) {
                SplitDriver.describe(table, i, address(), length(), random.nextInt(8), random.nextInt(5));
                driver.describe((head + i) % RING_SIZE, address(), length(), random.nextInt(8), random.nextInt(17));
            }
            if (random.nextBoolean()) {
                driver.describe(head, memory.guestAddress(table), 16L * random.nextInt(17), SplitDriver.INDIRECT, 0);
            }
        }
        driver.offer(random.nextInt(50) == 0 ? random.nextInt(1 << 16) : head);
        if (random.nextInt(100) == 0) {
            driver.jump(random.nextInt(1 << 16));
        }
        driver.publish();
        EventFd.signal(kicks.get(index));
    }

    private long dataAddress() {
        return memory.guestAddress(data) + 8L * random.nextInt(DATA_BYTES / 8 - 256);
    }

    /** Mostly inside memory. */
    private long address() {
        return switch (random.nextInt(8)) {
            case 0, 1, 2 -> dataAddress();
            // On any byte, and too far from the data area to reach it.
            case 3, 4 -> memory.guestAddress(frames) + random.nextInt(FRAME_BYTES - MAX_ODD_BYTES);
            case 5 -> memory.guestAddress(rings) + random.nextInt(QUEUES * 4096);
            case 6 -> random.nextLong() & -8;
            default -> memory.region().guestAddress() + memory.bytes().byteSize() - 8L * random.nextInt(64);
        };
    }

    private long length() {
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> 0xffff_ffffL & -8;
            case 2 -> 16;
            case 3 -> 8L * random.nextInt(1 << 10);
            default -> 512L * random.nextInt(5);
        };
    }

    private Request request() {
        long index = random.nextInt(8) == 0 ? random.nextInt() & 0xffff_ffffL : random.nextInt(QUEUES + 1);
        long some = switch (random.nextInt(5)) {
            case 0 -> random.nextLong();
            case 1 -> 1L << random.nextInt(64);
            case 2 -> -1;
            default -> random.nextInt(300);
        };
        RegionDescription region = random.nextBoolean()
                ? memory.region()
                : new RegionDescription(
                        memory.region().guestAddress() + some,
                        1L << random.nextInt(24),
                        memory.region().userAddress() + some,
                        random.nextInt(4) * 4096L);
        InflightDescription inflight =
                new InflightDescription(some, random.nextInt(2), random.nextInt(6), random.nextInt(300));
        long ringAt = rings.address() + random.nextInt(QUEUES * 4096) * (random.nextBoolean() ? 16L : 1L);
        return switch (random.nextInt(25)) {
            case 0 -> new Request.GetFeatures();
            case 1 -> new Request.SetFeatures(features ^ (random.nextBoolean() ? 0 : some));
            case 2 -> new Request.SetOwner();
            case 3 -> new Request.SetMemTable(List.of(region));
            case 4 -> new Request.SetMemTable(List.of(memory.region(), region));
            case 5 -> new Request.SetVringNum(index, some & 0xffff_ffffL);
            case 6 -> new Request.SetVringBase(index, some & 0xffff_ffffL);
            case 7 -> new Request.SetVringAddr(index, new VringAddresses(false, ringAt, ringAt + 512, ringAt + 256, 0));
            case 8 -> new Request.GetVringBase(index);
            case 9 -> new Request.SetVringKick((int) (index & 0xff), random.nextInt(8) != 0);
            case 10 -> new Request.SetVringCall((int) (index & 0xff), random.nextBoolean());
            case 11 -> new Request.SetVringErr((int) (index & 0xff), random.nextBoolean());
            case 12 -> new Request.SetVringEnable(index, random.nextBoolean());
            case 13 -> new Request.GetConfig(some & 0xffff_ffffL, random.nextInt(300), random.nextInt(2));
            case 14 -> new Request.AddMemReg(region);
            case 15 -> new Request.RemMemReg(region);
            case 16 -> new Request.GetInflightFd(inflight);
            case 17 -> new Request.SetInflightFd(inflight);
            case 18 -> new Request.SetLogBase(some, random.nextInt(4096));
            case 19 -> new Request.SetLogFd();
            case 20 -> new Request.ResetDevice();
            case 21 -> new Request.SetStatus(random.nextInt(3));
            case 22 -> new Request.GetMaxMemSlots();
            case 23 -> new Request.SetBackendReqFd();
            default -> new Request.Unknown(random.nextInt(200));
        };
    }

    private List<OwnedFd> fds() {
        List<OwnedFd> beside = new ArrayList<>();
        int count = random.nextInt(10) == 0 ? random.nextInt(DescriptorSocket.MAX_FDS) : random.nextInt(3);
        for (int i = 0; i < count; i++) {
            beside.add(random.nextInt(3) == 0 ? oddFds.get(random.nextInt(oddFds.size())) : memory.fd());
        }
        return beside;
    }

    private void say(Request request, List<OwnedFd> beside) {
        try {
            frontend.send(request, random.nextInt(10) != 0, new byte[0], beside);
        } catch (IOException gone) {
            over = true;
        }
    }

    private void sayBytes() {
        byte[] bytes = new byte[random.nextInt(64)];
        random.nextBytes(bytes);
        if (random.nextBoolean() && bytes.length >= MessageCodec.HEADER_BYTES) {
            ByteBuffer start = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
            start.putInt(random.nextInt(45))
                    .putInt(1 | (random.nextBoolean() ? 8 : 0))
                    .putInt(bytes.length - 12);
        }
        try {
            frontend.socket().send(ByteBuffer.wrap(bytes), fds());
        } catch (IOException gone) {
            over = true;
        }
    }

    private void listen() {
        try (ReceivedFds dropped = new ReceivedFds()) {
            int received;
            do {
                received = frontend.socket().receive(drain.clear(), dropped);
            } while (received > 0);
            over |= received == DescriptorSocket.END;
        } catch (IOException gone) {
            over = true;
        }
    }

    /** Closes the connection; what the guest sees can be judged when the server has given its memory up. */
    void hangUp() {
        frontend.close();
    }

    @Override
    public void close() {
        hangUp();
        kicks.forEach(OwnedFd::close);
        oddFds.forEach(OwnedFd::close);
        memory.close();
    }
}
