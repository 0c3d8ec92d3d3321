package io.lamina.vhostuser.virtqueue;

import io.lamina.vhostuser.memory.DirtyLog;
import io.lamina.vhostuser.memory.GuestMemory;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.protocol.VhostUserException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * A split virtqueue, device side. Indices run freely modulo 2^16; an entry's slot is its index modulo the ring's size, a
 * power of two.
 */
public final class SplitVirtqueue implements Virtqueue {
    private static final int INDEX_MASK = 0xffff;

    private final GuestMemory guest;
    private final int size;
    private final MemorySegment descriptors;
    private final MemorySegment available;
    private final MemorySegment used;
    private final boolean eventIdx;
    private final boolean indirect;

    /** Chains that the driver gave and has not got back. */
    private final BitSet taken;

    private int nextAvailable;
    private int knownAvailable;
    private int usedIndex;
    private int unpublished;
    private boolean interruptedOnce;

    /** Set once before the ring is used, when a log is kept. */
    private @Nullable InflightLog log;

    /** Chains that an earlier back-end had taken, and how many of them this one has. */
    private int[] again = {};

    private int againTaken;

    /**
     * Puts a ring into operation. The used index is what its memory says, which is where an earlier back-end left it.
     *
     * @param size the number of descriptors, a power of two up to {@link #MAX_SIZE}
     * @param base the available index to go on from
     * @param features what the driver has accepted, bits of {@link VirtioFeatures}
     * @throws VhostUserException when a part of the ring is unaligned or not in one memory region
     */
    public SplitVirtqueue(GuestMemory guest, int size, VringAddresses addresses, Base base, long features)
            throws VhostUserException {
        this.guest = guest;
        this.size = size;
        descriptors =
                RingMemory.part(guest, addresses.descriptor(), SplitRing.descriptorBytes(size), 16, "descriptor table");
        available = RingMemory.part(guest, addresses.available(), SplitRing.availableBytes(size), 2, "available ring");
        used = RingMemory.part(guest, addresses.used(), SplitRing.usedBytes(size), 4, "used ring");
        eventIdx = (features & VirtioFeatures.RING_EVENT_IDX) != 0;
        indirect = (features & VirtioFeatures.RING_INDIRECT_DESC) != 0;
        taken = new BitSet(size);
        usedIndex = SplitRing.getAcquire(used, SplitRing.IDX);
        nextAvailable = switch (base) {
            case Base.Given(int index) -> index & INDEX_MASK;
            case Base.FromUsedRing _ -> usedIndex;
        };
        knownAvailable = nextAvailable;
    }

    /**
     * Keeps a log of chains taken, and takes up what stands in it: the chains that an earlier back-end had are the next
     * ones, and where it had come in the available ring follows from their number. To be called before the first chain.
     */
    public void keep(InflightLog inflight) {
        again = inflight.recover(usedIndex);
        nextAvailable = (usedIndex + again.length) & INDEX_MASK;
        knownAvailable = nextAvailable;
        log = inflight;
    }

    @Override
    public int base() {
        return nextAvailable;
    }

    @Override
    public boolean hasMoreThan(int few) throws VirtqueueException {
        boolean _ = refresh();
        return again.length - againTaken + ((knownAvailable - nextAvailable) & INDEX_MASK) > few;
    }

    @Override
    public int unpublished() {
        return unpublished;
    }

    @Override
    public boolean next(DescriptorChain chain) throws VirtqueueException {
        if (againTaken < again.length) {
            int head = again[againTaken++];
            chain.begin(head);
            walk(chain, head);
            taken.set(head);
            return true;
        }
        if (nextAvailable == knownAvailable && !refresh()) {
            return false;
        }
        long entry = SplitRing.RING + (long) SplitRing.AVAIL_ENTRY_BYTES * (nextAvailable & (size - 1));
        int head = Short.toUnsignedInt(available.get(SplitRing.U16, entry));
        if (head >= size) {
            throw new VirtqueueException("available ring names descriptor " + head + " of " + size);
        }
        if (taken.get(head)) {
            throw new VirtqueueException("chain " + head + " is made available while the device still has it");
        }
        chain.begin(head);
        walk(chain, head);
        taken.set(head);
        if (log != null) {
            log.take(head);
        }
        nextAvailable = (nextAvailable + 1) & INDEX_MASK;
        return true;
    }

    @Override
    public boolean hasAvailable() throws VirtqueueException {
        return againTaken < again.length || nextAvailable != knownAvailable || refresh();
    }

    @Override
    public void complete(int head, long writtenBytes) {
        taken.clear(head);
        if (log != null) {
            log.completing(head);
        }
        long entry = SplitRing.RING + (long) SplitRing.USED_ENTRY_BYTES * ((usedIndex + unpublished) & (size - 1));
        used.set(SplitRing.U32, entry, head);
        used.set(SplitRing.U32, entry + SplitRing.USED_LEN, (int) writtenBytes);
        unpublished++;
    }

    @Override
    public boolean publish() {
        if (unpublished == 0) {
            return false;
        }
        int before = usedIndex;
        usedIndex = (usedIndex + unpublished) & INDEX_MASK;
        unpublished = 0;
        // Partner: the driver's read barrier after it has read used.idx. Without it the driver could see the index
        // before the entries, the status bytes and the data.
        SplitRing.setRelease(used, SplitRing.IDX, usedIndex);
        if (log != null) {
            log.published(usedIndex);
        }
        // Partner: the driver's full barrier between writing used_event (or flags) and reading used.idx. Without it
        // both sides could miss the other's write: the driver sleeps and nobody wakes it.
        VarHandle.fullFence();
        if (!eventIdx) {
            return (SplitRing.getOpaque(available, SplitRing.FLAGS) & SplitRing.NO_INTERRUPT) == 0;
        }
        int usedEvent = SplitRing.getOpaque(available, SplitRing.RING + (long) SplitRing.AVAIL_ENTRY_BYTES * size);
        boolean passed = ((usedIndex - usedEvent - 1) & INDEX_MASK) < ((usedIndex - before) & INDEX_MASK);
        boolean first = !interruptedOnce;
        interruptedOnce = true;
        return first || passed;
    }

    @Override
    public void markUsedRing(DirtyLog log, long usedGuestAddress) {
        log.mark(usedGuestAddress, SplitRing.usedBytes(size));
    }

    @Override
    public void disableKicks() {
        // With event indices it is enough not to ask for a kick again.
        if (!eventIdx) {
            SplitRing.setOpaque(used, SplitRing.FLAGS, SplitRing.NO_NOTIFY);
        }
    }

    @Override
    public boolean enableKicks() throws VirtqueueException {
        if (eventIdx) {
            long availEvent = SplitRing.RING + (long) SplitRing.USED_ENTRY_BYTES * size;
            SplitRing.setOpaque(used, availEvent, nextAvailable);
        } else {
            SplitRing.setOpaque(used, SplitRing.FLAGS, 0);
        }
        // Partner: the driver's full barrier between writing avail.idx and reading avail_event (or flags). Without it
        // the driver could miss the wish and the device the chain.
        VarHandle.fullFence();
        return hasAvailable();
    }

    private boolean refresh() throws VirtqueueException {
        // Partner: the driver's write barrier before it stores avail.idx. Without it the ring entry and the
        // descriptors could be read before the driver wrote them.
        int index = SplitRing.getAcquire(available, SplitRing.IDX);
        int count = (index - nextAvailable) & INDEX_MASK;
        if (count > size) {
            throw new VirtqueueException(
                    "available index jumps from " + nextAvailable + " to " + index + " in a ring of " + size);
        }
        knownAvailable = index;
        return count != 0;
    }

    private void walk(DescriptorChain chain, int head) throws VirtqueueException {
        int index = head;
        // A chain without a loop visits no descriptor twice.
        for (int visited = 0; visited < size; visited++) {
            long at = (long) SplitRing.DESCRIPTOR_BYTES * index;
            long address = descriptors.get(SplitRing.U64, at);
            long length = Integer.toUnsignedLong(descriptors.get(SplitRing.U32, at + SplitRing.DESC_LEN));
            int flags = Short.toUnsignedInt(descriptors.get(SplitRing.U16, at + SplitRing.DESC_FLAGS));
            int next = Short.toUnsignedInt(descriptors.get(SplitRing.U16, at + SplitRing.DESC_NEXT));
            if ((flags & SplitRing.F_INDIRECT) != 0) {
                if ((flags & SplitRing.F_NEXT) != 0) {
                    throw new VirtqueueException("descriptor " + index + " is indirect and has a next one");
                }
                walkIndirect(chain, address, length);
                return;
            }
            chain.append(guest, address, length, (flags & SplitRing.F_WRITE) != 0);
            if ((flags & SplitRing.F_NEXT) == 0) {
                return;
            }
            if (next >= size) {
                throw new VirtqueueException("descriptor " + index + " names descriptor " + next + " of " + size);
            }
            index = next;
        }
        throw new VirtqueueException("chain " + head + " is a loop");
    }

    private void walkIndirect(DescriptorChain chain, long tableAddress, long tableBytes) throws VirtqueueException {
        if (!indirect) {
            throw new VirtqueueException("chain " + chain.head() + " is indirect, which was not negotiated");
        }
        long count = tableBytes / SplitRing.DESCRIPTOR_BYTES;
        if (count == 0 || tableBytes % SplitRing.DESCRIPTOR_BYTES != 0 || count > DescriptorChain.MAX_INDIRECT) {
            throw new VirtqueueException(
                    "chain " + chain.head() + " has an indirect table of " + tableBytes + " bytes");
        }
        MemorySegment table = chain.copyTable(guest, tableAddress, tableBytes);
        int index = 0;
        for (int visited = 0; visited < count; visited++) {
            long at = (long) SplitRing.DESCRIPTOR_BYTES * index;
            int flags = Short.toUnsignedInt(table.get(SplitRing.U16, at + SplitRing.DESC_FLAGS));
            if ((flags & SplitRing.F_INDIRECT) != 0) {
                throw new VirtqueueException("chain " + chain.head() + " has an indirect table in an indirect table");
            }
            chain.append(
                    guest,
                    table.get(SplitRing.U64, at),
                    Integer.toUnsignedLong(table.get(SplitRing.U32, at + SplitRing.DESC_LEN)),
                    (flags & SplitRing.F_WRITE) != 0);
            if ((flags & SplitRing.F_NEXT) == 0) {
                return;
            }
            index = Short.toUnsignedInt(table.get(SplitRing.U16, at + SplitRing.DESC_NEXT));
            if (index >= count) {
                throw new VirtqueueException(
                        "chain " + chain.head() + " has an indirect descriptor that names " + index + " of " + count);
            }
        }
        throw new VirtqueueException("chain " + chain.head() + " has an indirect table with a loop");
    }
}
