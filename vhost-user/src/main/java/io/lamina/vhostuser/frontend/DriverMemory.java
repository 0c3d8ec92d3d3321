package io.lamina.vhostuser.frontend;

import io.lamina.linux.Memfd;
import io.lamina.linux.MemoryMap;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import io.lamina.vhostuser.protocol.Request.RegionDescription;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The guest memory of a driver without a guest: one sealed memfd, handed out from its start on. The guest's addresses
 * and the front-end's differ, as they do in a virtual machine.
 */
public final class DriverMemory implements AutoCloseable {
    private static final long GUEST_START = 0x1_0000_0000L;
    private static final long PAGE_BYTES = 4096;

    private final OwnedFd fd;
    private final Arena arena;
    private final MemorySegment bytes;
    private long taken;

    /** Makes {@code sizeBytes} of zeroes, a multiple of the page size. */
    @SuppressWarnings("MustBeClosedChecker") // the arena is closed with this object
    public DriverMemory(long sizeBytes) throws SystemCallException {
        fd = Memfd.create("driver-memory", sizeBytes);
        arena = Arena.ofShared();
        boolean made = false;
        try {
            Memfd.seal(fd, Memfd.F_SEAL_SHRINK | Memfd.F_SEAL_GROW | Memfd.F_SEAL_SEAL);
            bytes = MemoryMap.shared(fd, 0, sizeBytes, arena);
            made = true;
        } finally {
            if (!made) {
                arena.close();
                fd.close();
            }
        }
    }

    /** The file behind the memory. */
    public OwnedFd fd() {
        return fd;
    }

    /** All of the memory. */
    public MemorySegment bytes() {
        return bytes;
    }

    /** Takes the next bytes, from a page's start on. */
    public MemorySegment take(long lengthBytes) {
        long start = (taken + PAGE_BYTES - 1) & -PAGE_BYTES;
        MemorySegment part = bytes.asSlice(start, lengthBytes);
        taken = start + lengthBytes;
        return part;
    }

    /** The memory as a back-end is told of it. */
    public RegionDescription region() {
        return new RegionDescription(GUEST_START, bytes.byteSize(), bytes.address(), 0);
    }

    /** Where the guest sees a part of the memory. */
    public long guestAddress(MemorySegment part) {
        return GUEST_START + part.address() - bytes.address();
    }

    @Override
    public void close() {
        arena.close();
        fd.close();
    }
}
