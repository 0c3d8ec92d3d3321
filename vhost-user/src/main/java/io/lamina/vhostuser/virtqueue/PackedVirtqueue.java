package io.lamina.vhostuser.virtqueue;

import io.lamina.vhostuser.memory.DirtyLog;
import io.lamina.vhostuser.memory.GuestMemory;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.protocol.VhostUserException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A packed virtqueue, device side: one ring of descriptors that driver and device write in turns; in which lap a
 * descriptor was written, two of its flags say.
 */
public final class PackedVirtqueue implements Virtqueue {
    /** A fresh ring: both positions at 0, both wrap counters at 1. */
    private static final int FRESH = 0x8000_8000;

    private static final int USED_SHIFT = 16;
    private static final int HALF_MASK = 0xffff;

    private final GuestMemory guest;
    private final int size;
    private final MemorySegment ring;
    private final MemorySegment driverEvents;
    private final MemorySegment deviceEvents;
    private final long ringGuestAddress;
    private final boolean eventIdx;
    private final boolean indirect;

    /** Buffer ids that the driver gave and has not got back, and how many descriptors of the ring each took. */
    private final BitSet taken;

    private final int[] descriptors;
    private int outstanding;

    /** Chains given back that the driver does not see yet. */
    private final int[] pendingId;

    private final int[] pendingBytes;
    private int pending;

    private int availablePosition;
    private boolean availableWrap;
    private int usedPosition;
    private boolean usedWrap;
    private boolean interruptedOnce;
    private boolean kicksDisabled;

    /** Set once before the ring is used, when a log is kept. */
    private @Nullable PackedInflightLog log;

    /** Chains that an earlier back-end had taken, and how many of them this one has. */
    private List<Integer> again = List.of();

    private int againTaken;

    /**
     * Puts a ring into operation.
     *
     * @param size the number of descriptors, a power of two up to {@link #MAX_SIZE}
     * @param base positions and wrap counters to go on from
     * @param features what the driver has accepted, bits of {@link VirtioFeatures}
     * @throws VhostUserException when a part of the ring is unaligned or not in one memory region, or a position is not
     *     in the ring
     */
    public PackedVirtqueue(GuestMemory guest, int size, VringAddresses addresses, Base base, long features)
            throws VhostUserException {
        this.guest = guest;
        this.size = size;
        ring = RingMemory.part(
                guest, addresses.descriptor(), (long) PackedRing.DESCRIPTOR_BYTES * size, 16, "descriptor ring");
        driverEvents = RingMemory.part(guest, addresses.available(), PackedRing.EVENTS_BYTES, 4, "driver's events");
        deviceEvents = RingMemory.part(guest, addresses.used(), PackedRing.EVENTS_BYTES, 4, "device's events");
        ringGuestAddress = guest.guestAddress(addresses.descriptor());
        eventIdx = (features & VirtioFeatures.RING_EVENT_IDX) != 0;
        indirect = (features & VirtioFeatures.RING_INDIRECT_DESC) != 0;
        taken = new BitSet(size);
        descriptors = new int[size];
        pendingId = new int[size];
        pendingBytes = new int[size];
        int from = base instanceof Base.Given(int given) ? given : FRESH;
        setAvailable(from & HALF_MASK);
        setUsed(from >>> USED_SHIFT);
        if (availablePosition >= size || usedPosition >= size) {
            throw new VhostUserException("base 0x" + Integer.toHexString(from) + " of a ring of " + size);
        }
    }

    /** As {@link SplitVirtqueue#keep}. */
    public void keep(PackedInflightLog inflight) throws VhostUserException {
        log = inflight;
        if (!inflight.isInUse()) {
            inflight.begin(usedHalf());
            return;
        }
        setUsed(inflight.usedPosition());
        if (usedPosition >= size) {
            throw new VhostUserException("inflight region with used index " + usedPosition + " of a ring of " + size);
        }
        int id = inflight.publishing();
        if (id >= 0 && id < size) {
            int flags = PackedRing.getAcquire(ring, at(usedPosition) + PackedRing.DESC_FLAGS);
            if (PackedRing.isAvailable(flags, usedWrap)) {
                inflight.unpublished(usedHalf());
            } else {
                // It reached the ring, and then the process died before it was noted.
                moveUsed(Math.min(inflight.slots(id), size));
                inflight.published(id, usedHalf());
            }
        }
        again = inflight.recover();
        availablePosition = usedPosition;
        availableWrap = usedWrap;
        for (int earlier : again) {
            outstanding += inflight.slots(earlier);
            if (outstanding > size) {
                throw new VhostUserException("inflight region with more than the " + size + " descriptors of its ring");
            }
            moveAvailable(inflight.slots(earlier));
        }
    }

    @Override
    public boolean next(DescriptorChain chain) throws VirtqueueException {
        PackedInflightLog kept = log;
        if (kept != null && againTaken < again.size()) {
            takeAgain(chain, kept, again.get(againTaken++));
            return true;
        }
        int position = availablePosition;
        // Partner: the driver's write barrier before it makes the first descriptor available. Without it the rest of
        // the chain could be read before the driver wrote it.
        int flags = PackedRing.getAcquire(ring, at(position) + PackedRing.DESC_FLAGS);
        if (!PackedRing.isAvailable(flags, availableWrap)) {
            return false;
        }
        chain.begin(position);
        int count = 0;
        while (true) {
            if (outstanding + count == size || (kept != null && !kept.hasRoom(count))) {
                throw new VirtqueueException("the chain at " + position + " has descriptors that the device still has");
            }
            long at = at(position);
            long address = ring.get(SplitRing.U64, at);
            long length = Integer.toUnsignedLong(ring.get(SplitRing.U32, at + PackedRing.LEN));
            int id = PackedRing.getU16(ring, at + PackedRing.ID);
            if (kept != null) {
                kept.copy(count, address, length, flags);
            }
            append(chain, address, length, flags);
            count++;
            if ((flags & SplitRing.F_NEXT) == 0) {
                take(chain, id, count);
                return true;
            }
            position = position + 1 == size ? 0 : position + 1;
            flags = PackedRing.getU16(ring, at(position) + PackedRing.DESC_FLAGS);
        }
    }

    private void take(DescriptorChain chain, int id, int count) throws VirtqueueException {
        if (id >= size) {
            throw new VirtqueueException("buffer id " + id + " in a ring of " + size);
        }
        if (taken.get(id)) {
            throw new VirtqueueException("buffer " + id + " is made available while the device still has it");
        }
        chain.identify(id);
        taken.set(id);
        descriptors[id] = count;
        outstanding += count;
        if (log != null) {
            log.take(id, count);
        }
        moveAvailable(count);
    }

    private void takeAgain(DescriptorChain chain, PackedInflightLog kept, int id) throws VirtqueueException {
        chain.begin(id);
        int count = kept.slots(id);
        int slot = kept.firstSlot(id);
        for (int left = count; left > 0; left--) {
            if (slot >= size) {
                throw new VirtqueueException("inflight region with slot " + slot + " of " + size);
            }
            append(chain, kept.address(slot), kept.lengthBytes(slot), kept.flags(slot));
            slot = kept.next(slot);
        }
        taken.set(id);
        descriptors[id] = count;
    }

    private void append(DescriptorChain chain, long address, long lengthBytes, int flags) throws VirtqueueException {
        if ((flags & SplitRing.F_INDIRECT) == 0) {
            chain.append(guest, address, lengthBytes, (flags & SplitRing.F_WRITE) != 0);
            return;
        }
        if (!indirect || (flags & SplitRing.F_NEXT) != 0) {
            throw new VirtqueueException("the chain at " + chain.head() + " is indirect"
                    + (indirect ? " and has a next descriptor" : ", which was not negotiated"));
        }
        long count = lengthBytes / PackedRing.DESCRIPTOR_BYTES;
        if (count == 0 || lengthBytes % PackedRing.DESCRIPTOR_BYTES != 0 || count > DescriptorChain.MAX_INDIRECT) {
            throw new VirtqueueException(
                    "the chain at " + chain.head() + " has an indirect table of " + lengthBytes + " bytes");
        }
        MemorySegment table = chain.copyTable(guest, address, lengthBytes);
        for (long at = 0; at < lengthBytes; at += PackedRing.DESCRIPTOR_BYTES) {
            int inner = PackedRing.getU16(table, at + PackedRing.DESC_FLAGS);
            if ((inner & SplitRing.F_INDIRECT) != 0) {
                throw new VirtqueueException(
                        "the chain at " + chain.head() + " has an indirect table in an indirect table");
            }
            chain.append(
                    guest,
                    table.get(SplitRing.U64, at),
                    Integer.toUnsignedLong(table.get(SplitRing.U32, at + PackedRing.LEN)),
                    (inner & SplitRing.F_WRITE) != 0);
        }
    }

    @Override
    public boolean hasAvailable() {
        return againTaken < again.size() || isAvailable(availablePosition, availableWrap);
    }

    @Override
    public boolean hasMoreThan(int few) {
        int position = availablePosition + few;
        return position < size
                ? isAvailable(position, availableWrap)
                : position - size < size && isAvailable(position - size, !availableWrap);
    }

    private boolean isAvailable(int position, boolean wrap) {
        return PackedRing.isAvailable(PackedRing.getAcquire(ring, at(position) + PackedRing.DESC_FLAGS), wrap);
    }

    @Override
    public int unpublished() {
        return pending;
    }

    @Override
    public void complete(int head, long writtenBytes) {
        pendingId[pending] = head;
        pendingBytes[pending++] = (int) writtenBytes;
    }

    @Override
    public boolean publish() {
        if (pending == 0) {
            return false;
        }
        int before = usedPosition;
        boolean wrapBefore = usedWrap;
        for (int i = 0; i < pending; i++) {
            publish(pendingId[i], pendingBytes[i]);
        }
        pending = 0;
        // Partner: the driver's full barrier between writing its events and reading descriptors. Without it both sides
        // could miss the other's write: the driver sleeps and nobody wakes it.
        VarHandle.fullFence();
        // Partner: the driver's write barrier between the position and the flags. Without it the flags of now could be
        // judged with a position of before.
        int flags = PackedRing.getAcquire(driverEvents, PackedRing.EVENT_FLAGS);
        boolean first = !interruptedOnce;
        interruptedOnce = true;
        if (!eventIdx || flags != PackedRing.EVENTS_DESC) {
            return flags != PackedRing.EVENTS_DISABLE;
        }
        // Positions of the lap in which the device is now; those of the lap before are below 0.
        int event = PackedRing.getU16(driverEvents, PackedRing.OFF_WRAP);
        int wanted = (event & ~PackedRing.WRAP) - (((event & PackedRing.WRAP) != 0) == usedWrap ? 0 : size);
        int from = before - (wrapBefore == usedWrap ? 0 : size);
        return first || (wanted >= from && wanted < usedPosition);
    }

    private void publish(int id, int writtenBytes) {
        if (log != null) {
            log.publishing(id, usedHalf());
        }
        long at = at(usedPosition);
        ring.set(SplitRing.U32, at + PackedRing.LEN, writtenBytes);
        PackedRing.putU16(ring, at + PackedRing.ID, id);
        int flags =
                (usedWrap ? PackedRing.F_AVAIL | PackedRing.F_USED : 0) | (writtenBytes == 0 ? 0 : SplitRing.F_WRITE);
        // Partner: the driver's read barrier after it has read the flags. Without it the driver could see them before
        // id, length, the status byte and the data.
        PackedRing.setRelease(ring, at + PackedRing.DESC_FLAGS, flags);
        moveUsed(descriptors[id]);
        outstanding -= descriptors[id];
        taken.clear(id);
        if (log != null) {
            log.published(id, usedHalf());
        }
    }

    @Override
    public void disableKicks() {
        if (!kicksDisabled) {
            kicksDisabled = true;
            PackedRing.putU16(deviceEvents, PackedRing.EVENT_FLAGS, PackedRing.EVENTS_DISABLE);
        }
    }

    @Override
    public boolean enableKicks() {
        kicksDisabled = false;
        if (eventIdx) {
            PackedRing.putU16(
                    deviceEvents, PackedRing.OFF_WRAP, availablePosition | (availableWrap ? PackedRing.WRAP : 0));
        }
        // The driver that sees the flags also sees the position.
        PackedRing.setRelease(
                deviceEvents, PackedRing.EVENT_FLAGS, eventIdx ? PackedRing.EVENTS_DESC : PackedRing.EVENTS_ENABLE);
        // Partner: the driver's full barrier between making a descriptor available and reading the device's events.
        // Without it the driver could miss the wish and the device the chain.
        VarHandle.fullFence();
        return hasAvailable();
    }

    @Override
    public void markUsedRing(DirtyLog dirty, long usedGuestAddress) {
        dirty.mark(ringGuestAddress, (long) PackedRing.DESCRIPTOR_BYTES * size);
        dirty.mark(usedGuestAddress, PackedRing.EVENTS_BYTES);
    }

    @Override
    public int base() {
        return availablePosition | (availableWrap ? PackedRing.WRAP : 0) | usedHalf() << USED_SHIFT;
    }

    private int usedHalf() {
        return usedPosition | (usedWrap ? PackedRing.WRAP : 0);
    }

    private void setAvailable(int half) {
        availablePosition = half & ~PackedRing.WRAP;
        availableWrap = (half & PackedRing.WRAP) != 0;
    }

    private void setUsed(int half) {
        usedPosition = half & ~PackedRing.WRAP;
        usedWrap = (half & PackedRing.WRAP) != 0;
    }

    private void moveAvailable(int count) {
        availablePosition += count;
        if (availablePosition >= size) {
            availablePosition -= size;
            availableWrap = !availableWrap;
        }
    }

    private void moveUsed(int count) {
        usedPosition += count;
        if (usedPosition >= size) {
            usedPosition -= size;
            usedWrap = !usedWrap;
        }
    }

    private static long at(int position) {
        return (long) PackedRing.DESCRIPTOR_BYTES * position;
    }
}
