package io.lamina.vhostuser.frontend;

import io.lamina.linux.EventFd;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Poll;
import io.lamina.linux.SystemCallException;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One queue of a block device as a guest's driver uses it: a fixed number of slots, each with a header, a data buffer
 * and a status byte in three descriptors. Requests of different slots are under way at once. One thread at a time;
 * nothing is allocated per request.
 */
public final class BlockDriver implements AutoCloseable {
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int DESCRIPTORS_PER_SLOT = 3;

    /** Header, then the status byte, on a cache line of their own. */
    private static final int FRAME_BYTES = 64;

    private static final byte NO_STATUS = (byte) 0xff;

    private final DriverMemory memory;
    private final int slots;
    private final MemorySegment ring;
    private final MemorySegment frames;
    private final MemorySegment data;
    private final long slotBytes;
    private final SplitDriver driver;
    private final OwnedFd kick;
    private final OwnedFd call;

    /**
     * Lays a queue out in memory.
     *
     * @param queueSize a power of two, at least three times the slots
     * @param slotBytes the longest request
     * @param features what was negotiated
     */
    public BlockDriver(DriverMemory memory, int queueSize, int slots, long slotBytes, long features)
            throws IOException {
        if (slots * DESCRIPTORS_PER_SLOT > queueSize) {
            throw new IllegalArgumentException(slots + " slots in a queue of " + queueSize);
        }
        this.memory = memory;
        this.slots = slots;
        this.slotBytes = slotBytes;
        ring = memory.take(SplitDriver.bytes(queueSize));
        frames = memory.take((long) slots * FRAME_BYTES);
        data = memory.take(slots * slotBytes);
        driver = new SplitDriver(ring, queueSize, features);
        kick = EventFd.create();
        call = EventFd.create();
    }

    /** Asks a back-end for its features; answers those of them that this driver can use: its rings are split. */
    public static long featuresOf(VhostUserFrontend frontend) throws IOException {
        return frontend.number(new Request.GetFeatures()) & ~VirtioFeatures.RING_PACKED;
    }

    /** The ring, for a test that breaks it. */
    public SplitDriver driver() {
        return driver;
    }

    /** The descriptor that kicks the device. */
    public OwnedFd kick() {
        return kick;
    }

    /** The descriptor by which the device interrupts. */
    public OwnedFd call() {
        return call;
    }

    /** Where the ring lies, as the back-end is told. */
    public Request.VringAddresses addresses(int queueSize) {
        long at = ring.address();
        return new Request.VringAddresses(
                false, at, at + SplitDriver.usedOffset(queueSize), at + SplitDriver.availableOffset(queueSize), 0);
    }

    /** The buffer of a slot. */
    public MemorySegment data(int slot) {
        return data.asSlice(slot * slotBytes, slotBytes);
    }

    /** The status byte of a slot's last request. */
    public byte status(int slot) {
        return frames.get(ValueLayout.JAVA_BYTE, statusAt(slot));
    }

    /**
     * Offers a request; the device sees it after {@link #submit}. The slot must be free.
     *
     * @param type of {@link VirtioBlk}
     * @param lengthBytes of the data, 0 for none
     */
    public void prepare(int slot, int type, long sector, long lengthBytes) {
        long frame = (long) slot * FRAME_BYTES;
        frames.set(U32, frame, type);
        frames.set(U32, frame + 4, 0);
        frames.set(U64, frame + 8, sector);
        frames.set(ValueLayout.JAVA_BYTE, statusAt(slot), NO_STATUS);
        int head = slot * DESCRIPTORS_PER_SLOT;
        long frameAddress = memory.guestAddress(frames) + frame;
        boolean out = type == VirtioBlk.T_OUT || type == VirtioBlk.T_DISCARD || type == VirtioBlk.T_WRITE_ZEROES;
        int second = lengthBytes == 0 ? head + 2 : head + 1;
        driver.describe(head, frameAddress, VirtioBlk.HEADER_BYTES, SplitDriver.NEXT, second);
        if (lengthBytes != 0) {
            long dataAddress = memory.guestAddress(data) + slot * slotBytes;
            int flags = SplitDriver.NEXT | (out ? 0 : SplitDriver.WRITE);
            driver.describe(head + 1, dataAddress, lengthBytes, flags, head + 2);
        }
        driver.describe(head + 2, frameAddress + VirtioBlk.HEADER_BYTES, 1, SplitDriver.WRITE, 0);
        driver.offer(head);
    }

    /** Hands everything offered to the device. */
    public void submit() {
        if (driver.publish()) {
            EventFd.signal(kick);
        }
    }

    /** The slot of a request that is done, or {@link SplitDriver#NONE}. */
    public int poll() {
        int head = driver.poll();
        return head == SplitDriver.NONE ? SplitDriver.NONE : head / DESCRIPTORS_PER_SLOT;
    }

    /**
     * Sleeps until a request is done.
     *
     * @return its slot, or {@link SplitDriver#NONE} when the time has passed
     */
    public int await(int timeoutMillis) throws SystemCallException {
        while (true) {
            int slot = poll();
            if (slot != SplitDriver.NONE) {
                return slot;
            }
            if (!driver.enableInterrupts()) {
                if (!Poll.readable(call, timeoutMillis)) {
                    return poll();
                }
                EventFd.drain(call);
            }
        }
    }

    /** Carries one request out in slot 0, which must be free, and answers its status. */
    public byte run(int type, long sector, long lengthBytes, int timeoutMillis) throws IOException {
        prepare(0, type, sector, lengthBytes);
        submit();
        if (await(timeoutMillis) != 0) {
            throw new IOException("no answer within " + timeoutMillis + " ms");
        }
        return status(0);
    }

    /** How many slots there are. */
    public int slots() {
        return slots;
    }

    /** Tells a back-end of the queue and starts it from its beginning. */
    public void start(VhostUserFrontend frontend, int index, int queueSize) throws IOException {
        startAt(frontend, index, queueSize, 0);
    }

    /** Tells a back-end of the queue and starts it at an available index. */
    public void startAt(VhostUserFrontend frontend, int index, int queueSize, int base) throws IOException {
        frontend.tell(new Request.SetVringNum(index, queueSize));
        frontend.tell(new Request.SetVringBase(index, base));
        frontend.tell(new Request.SetVringAddr(index, addresses(queueSize)));
        frontend.tell(new Request.SetVringKick(index, true), kick);
        frontend.tell(new Request.SetVringCall(index, true), call);
        frontend.tell(new Request.SetVringEnable(index, true));
    }

    @Override
    public void close() {
        kick.close();
        call.close();
    }

    private static long statusAt(int slot) {
        return (long) slot * FRAME_BYTES + VirtioBlk.HEADER_BYTES;
    }
}
