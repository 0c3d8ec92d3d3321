package io.lamina.vhostuser.virtqueue;

import io.lamina.vhostuser.memory.DirtyLog;

/**
 * A virtqueue in operation, device side: which chains the driver makes available, and how they are given back. It belongs
 * to one event loop. Every field is read from guest memory once, into a local, and judged there.
 */
public sealed interface Virtqueue permits SplitVirtqueue, PackedVirtqueue {
    /** The largest ring on offer; QEMU's own limit. */
    int MAX_SIZE = 1024;

    /** Where a ring goes on. */
    sealed interface Base {
        /** Where the front-end says: an available index or, of a packed ring, two positions. */
        record Given(int base) implements Base {}

        /** Where the used ring ends: the front-end said nothing, and nothing is in flight. */
        record FromUsedRing() implements Base {}
    }

    /** A ring's size is a power of two up to {@link #MAX_SIZE}. */
    static boolean isLegalSize(long size) {
        return size > 0 && size <= MAX_SIZE && Long.bitCount(size) == 1;
    }

    /**
     * Takes the next chain, if the driver has made one available.
     *
     * @throws VirtqueueException when the driver broke a rule: the ring must not be used any more
     */
    boolean next(DescriptorChain chain) throws VirtqueueException;

    /** The driver has made chains available that have not been taken. */
    boolean hasAvailable() throws VirtqueueException;

    /** More than {@code few} chains are waiting to be taken; of a packed ring, descriptors are counted. */
    boolean hasMoreThan(int few) throws VirtqueueException;

    /** Chains given back that the driver does not see yet. */
    int unpublished();

    /**
     * Gives a chain back; the driver sees it after {@link #publish}.
     *
     * @param head the chain's, as {@link DescriptorChain#head} says
     * @param writtenBytes what the device wrote into the chain's writable buffers, an unsigned 32-bit number
     */
    void complete(int head, long writtenBytes);

    /** Lets the driver see everything completed; true when it wants to be interrupted for it. */
    boolean publish();

    /** Asks the driver not to kick. */
    void disableKicks();

    /** Asks the driver to kick for the next chain; true when one is there already and the kick may not come. */
    boolean enableKicks() throws VirtqueueException;

    /** Marks what the device writes of the ring itself; its used part lies at this address of the guest. */
    void markUsedRing(DirtyLog log, long usedGuestAddress);

    /** Where another back-end goes on, when nothing is under way: the number that {@code GET_VRING_BASE} answers. */
    int base();
}
