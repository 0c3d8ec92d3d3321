package io.lamina.vhostuser.memory;

import io.lamina.vhostuser.protocol.Request.RegionDescription;
import io.lamina.vhostuser.protocol.VhostUserException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The regions of one guest, ordered by guest address and without overlap. It belongs to the event loop of its
 * connection. It never unmaps: who removes a region closes it when nothing uses it any more.
 */
public final class GuestMemory {
    /** Slots on offer; what libvhost-user answers, and QEMU asks for no more than 512. */
    public static final int MAX_REGIONS = 509;

    /** No guest has more; it keeps one front-end from taking the address space of all. */
    private static final long MAX_TOTAL_BYTES = 16L << 40;

    private final List<MemoryRegion> regions = new ArrayList<>();
    private @Nullable MemoryRegion lastHit;
    private long totalBytes;
    private int unsealed;

    /** Adds a region; on refusal it stays the caller's to close. */
    public void add(MemoryRegion region) throws VhostUserException {
        RegionDescription added = region.description();
        if (regions.size() == MAX_REGIONS) {
            throw new VhostUserException("more than " + MAX_REGIONS + " memory regions");
        }
        if (added.sizeBytes() > MAX_TOTAL_BYTES - totalBytes) {
            throw new VhostUserException("memory regions of more than " + MAX_TOTAL_BYTES + " bytes in all");
        }
        int at = 0;
        for (MemoryRegion other : regions) {
            RegionDescription present = other.description();
            if (overlap(added.guestAddress(), added.sizeBytes(), present.guestAddress(), present.sizeBytes())
                    || overlap(added.userAddress(), added.sizeBytes(), present.userAddress(), present.sizeBytes())) {
                throw new VhostUserException("memory region at guest address 0x"
                        + Long.toHexString(added.guestAddress()) + " overlaps the one at 0x"
                        + Long.toHexString(present.guestAddress()));
            }
            if (Long.compareUnsigned(present.guestAddress(), added.guestAddress()) < 0) {
                at++;
            }
        }
        regions.add(at, region);
        totalBytes += added.sizeBytes();
        unsealed += region.isSealed() ? 0 : 1;
    }

    /**
     * Takes out the region with these addresses and size, which the caller then closes.
     *
     * @throws VhostUserException when there is none
     */
    public MemoryRegion remove(RegionDescription description) throws VhostUserException {
        for (MemoryRegion region : regions) {
            RegionDescription present = region.description();
            if (present.guestAddress() == description.guestAddress()
                    && present.userAddress() == description.userAddress()
                    && present.sizeBytes() == description.sizeBytes()) {
                regions.remove(region);
                lastHit = null;
                totalBytes -= present.sizeBytes();
                unsealed -= region.isSealed() ? 0 : 1;
                return region;
            }
        }
        throw new VhostUserException(
                "no memory region at guest address 0x" + Long.toHexString(description.guestAddress()) + " of 0x"
                        + Long.toHexString(description.sizeBytes()) + " bytes");
    }

    /** Takes out all regions, which the caller then closes. */
    public List<MemoryRegion> removeAll() {
        List<MemoryRegion> removed = List.copyOf(regions);
        regions.clear();
        lastHit = null;
        totalBytes = 0;
        unsealed = 0;
        return removed;
    }

    /** The front-end has handed no memory over, or taken it all back. */
    public boolean isEmpty() {
        return regions.isEmpty();
    }

    /** Every region's file is sealed against shrinking. */
    public boolean isSealed() {
        return unsealed == 0;
    }

    /** The region that holds a guest address, or null. */
    public @Nullable MemoryRegion find(long guestAddress) {
        MemoryRegion hit = lastHit;
        if (hit != null && hit.holds(hit.offsetOfGuest(guestAddress))) {
            return hit;
        }
        int low = 0;
        int high = regions.size() - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            MemoryRegion region = regions.get(middle);
            if (region.holds(region.offsetOfGuest(guestAddress))) {
                lastHit = region;
                return region;
            }
            if (Long.compareUnsigned(guestAddress, region.description().guestAddress()) < 0) {
                high = middle - 1;
            } else {
                low = middle + 1;
            }
        }
        return null;
    }

    /**
     * Adds the places of a guest range to {@code places}, one for each region that it crosses.
     *
     * @param lengthBytes above 0
     * @return false when a part of the range is in no region; some places may have been added
     */
    public boolean resolve(long guestAddress, long lengthBytes, Places places) {
        if (wraps(guestAddress, lengthBytes)) {
            return false;
        }
        long address = guestAddress;
        long left = lengthBytes;
        while (left > 0) {
            MemoryRegion region = find(address);
            if (region == null) {
                return false;
            }
            long offset = region.offsetOfGuest(address);
            long length = Math.min(left, region.description().sizeBytes() - offset);
            if (!places.add(region.bytes(), offset, length)) {
                return false;
            }
            address += length;
            left -= length;
        }
        return true;
    }

    /** Copies a guest range once, so that what is then judged no longer changes; false when a part of it is in no region. */
    public boolean copyOut(long guestAddress, MemorySegment into, long lengthBytes) {
        if (wraps(guestAddress, lengthBytes)) {
            return false;
        }
        long done = 0;
        while (done < lengthBytes) {
            MemoryRegion region = find(guestAddress + done);
            if (region == null) {
                return false;
            }
            long offset = region.offsetOfGuest(guestAddress + done);
            long length = Math.min(lengthBytes - done, region.description().sizeBytes() - offset);
            MemorySegment.copy(
                    region.bytes(), ValueLayout.JAVA_BYTE, offset, into, ValueLayout.JAVA_BYTE, done, length);
            done += length;
        }
        return true;
    }

    /**
     * The bytes at an address of the front-end, all in one region.
     *
     * @param what said in the exception
     */
    public MemorySegment atUserAddress(long userAddress, long lengthBytes, String what) throws VhostUserException {
        for (MemoryRegion region : regions) {
            long offset = region.offsetOfUser(userAddress);
            if (region.holds(offset)) {
                if (lengthBytes > region.description().sizeBytes() - offset) {
                    throw new VhostUserException(what + " at 0x" + Long.toHexString(userAddress) + " of " + lengthBytes
                            + " bytes leaves its memory region");
                }
                return region.bytes().asSlice(offset, lengthBytes);
            }
        }
        throw new VhostUserException(what + " at 0x" + Long.toHexString(userAddress) + " is in no memory region");
    }

    /** The front-end has memory at this address. */
    public boolean holdsUserAddress(long userAddress) {
        for (MemoryRegion region : regions) {
            if (region.holds(region.offsetOfUser(userAddress))) {
                return true;
            }
        }
        return false;
    }

    /** Where the guest sees what the front-end has at this address, which is in one of the regions. */
    public long guestAddress(long userAddress) {
        for (MemoryRegion region : regions) {
            long offset = region.offsetOfUser(userAddress);
            if (region.holds(offset)) {
                return region.description().guestAddress() + offset;
            }
        }
        throw new IllegalArgumentException("no region at 0x" + Long.toHexString(userAddress));
    }

    /** Takes the pieces of a guest range. */
    @FunctionalInterface
    public interface Places {
        /** A piece of {@code lengthBytes} at {@code offsetBytes} of {@code memory}; false when there is no room for it. */
        boolean add(MemorySegment memory, long offsetBytes, long lengthBytes);
    }

    private static boolean wraps(long address, long lengthBytes) {
        return Long.compareUnsigned(address + (lengthBytes - 1), address) < 0;
    }

    private static boolean overlap(long start, long size, long otherStart, long otherSize) {
        return Long.compareUnsigned(start - otherStart, otherSize) < 0
                || Long.compareUnsigned(otherStart - start, size) < 0;
    }
}
