package io.lamina.vhostuser.memory;

import io.lamina.linux.FdStatus;
import io.lamina.linux.Memfd;
import io.lamina.linux.MemoryMap;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.VhostUserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One mapped region of guest memory. Addresses are unsigned 64-bit numbers; a region wraps around in none of its
 * address spaces.
 *
 * <p>The mapping is gone after {@link #close}, which waits for all threads of the process to pass a safepoint and may
 * take longer than an event loop has. Reads into the region by raw address must be over before.
 */
public final class MemoryRegion implements AutoCloseable {
    private static final int SMALLEST_PAGE_BYTES = 4096;

    private final RegionDescription description;
    private final Arena arena;
    private final MemorySegment bytes;
    private final boolean sealed;

    private MemoryRegion(RegionDescription description, Arena arena, MemorySegment bytes, boolean sealed) {
        this.description = description;
        this.arena = arena;
        this.bytes = bytes;
        this.sealed = sealed;
    }

    /**
     * Maps the region. The descriptor stays the caller's and may be closed afterwards.
     *
     * @param allowUnsealed accepts a file that can still shrink; touching what it lost then raises an error in Java, and
     *     late, so that the front-end can hurt every device of the process
     * @throws VhostUserException when the region is empty, wraps around, lies outside its file, or its file can shrink
     */
    @SuppressWarnings("MustBeClosedChecker") // the arena is the region's, and closed with it
    public static MemoryRegion map(RegionDescription description, OwnedFd fd, boolean allowUnsealed)
            throws VhostUserException, SystemCallException {
        long size = description.sizeBytes();
        if (size <= 0) {
            throw refused(description, "its size is 0 or above 2^63");
        }
        // The last byte, not the end: a region may end at 2^64 exactly.
        if (Long.compareUnsigned(description.guestAddress() + (size - 1), description.guestAddress()) < 0
                || Long.compareUnsigned(description.userAddress() + (size - 1), description.userAddress()) < 0) {
            throw refused(description, "it wraps around the address space");
        }
        FdStatus status = FdStatus.of(fd);
        if (!status.isRegularFile()) {
            throw refused(description, "its descriptor is no file in memory");
        }
        long offset = description.mmapOffsetBytes();
        if (offset < 0 || offset > status.sizeBytes() || size > status.sizeBytes() - offset) {
            throw refused(description, "it ends beyond its file of " + status.sizeBytes() + " bytes");
        }
        boolean sealed = (Memfd.seals(fd) & Memfd.F_SEAL_SHRINK) != 0;
        if (!sealed && !allowUnsealed) {
            throw refused(description, "its file is not sealed against shrinking (F_SEAL_SHRINK)");
        }
        long page = Math.max(SMALLEST_PAGE_BYTES, Integer.highestOneBit(Math.max(1, status.blockBytes())));
        long start = offset & -page;
        long length = (offset - start + size + page - 1) & -page;
        if (length <= 0) {
            throw refused(description, "it is too large to be mapped");
        }
        Arena arena = Arena.ofShared();
        try {
            MemorySegment mapping = MemoryMap.shared(fd, start, length, arena);
            return new MemoryRegion(description, arena, mapping.asSlice(offset - start, size), sealed);
        } catch (SystemCallException failure) {
            arena.close();
            throw failure;
        }
    }

    /** Where the region lies. */
    public RegionDescription description() {
        return description;
    }

    /** The region's bytes. */
    public MemorySegment bytes() {
        return bytes;
    }

    /** The region's file cannot shrink: every byte stays there as long as the mapping. */
    public boolean isSealed() {
        return sealed;
    }

    /** The offset of a guest address in the region; not less than the size, as unsigned numbers, when it is outside. */
    long offsetOfGuest(long guestAddress) {
        return guestAddress - description.guestAddress();
    }

    /** The offset of an address of the front-end, as {@link #offsetOfGuest}. */
    long offsetOfUser(long userAddress) {
        return userAddress - description.userAddress();
    }

    /** The offset is inside the region. */
    boolean holds(long offset) {
        return offset >= 0 && offset < description.sizeBytes();
    }

    @Override
    public void close() {
        arena.close();
    }

    private static VhostUserException refused(RegionDescription region, String why) {
        return new VhostUserException("memory region at guest address 0x" + Long.toHexString(region.guestAddress())
                + " of 0x" + Long.toHexString(region.sizeBytes()) + " bytes, file offset 0x"
                + Long.toHexString(region.mmapOffsetBytes()) + ": " + why);
    }
}
