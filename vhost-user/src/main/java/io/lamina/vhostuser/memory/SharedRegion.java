package io.lamina.vhostuser.memory;

import io.lamina.linux.FdStatus;
import io.lamina.linux.Memfd;
import io.lamina.linux.MemoryMap;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import io.lamina.vhostuser.protocol.VhostUserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory that front-end and back-end share beside the guest's: the inflight region, the dirty log. {@link #close} may
 * take long, as that of a {@link MemoryRegion}.
 */
public final class SharedRegion implements AutoCloseable {
    private static final int PAGE_BYTES = 4096;

    /** What no region of these kinds reaches: a dirty log has a bit for each page of a guest of 32 TiB. */
    private static final long MAX_BYTES = 1L << 30;

    private final Arena arena;
    private final MemorySegment bytes;

    private SharedRegion(Arena arena, MemorySegment bytes) {
        this.arena = arena;
        this.bytes = bytes;
    }

    /**
     * Maps a part of a file in memory. The descriptor stays the caller's.
     *
     * @param what said in exceptions
     * @param allowUnsealed as for {@link MemoryRegion#map}
     */
    @SuppressWarnings("MustBeClosedChecker") // the arena is the region's, and closed with it
    public static SharedRegion map(String what, OwnedFd fd, long offsetBytes, long sizeBytes, boolean allowUnsealed)
            throws VhostUserException, SystemCallException {
        FdStatus status = FdStatus.of(fd);
        if (sizeBytes <= 0
                || sizeBytes > MAX_BYTES
                || offsetBytes < 0
                || offsetBytes % PAGE_BYTES != 0
                || !status.isRegularFile()
                || offsetBytes > status.sizeBytes()
                || sizeBytes > status.sizeBytes() - offsetBytes) {
            throw new VhostUserException(what + " of " + sizeBytes + " bytes at offset " + offsetBytes
                    + " is not in its file of " + status.sizeBytes() + " bytes");
        }
        if (!allowUnsealed && (Memfd.seals(fd) & Memfd.F_SEAL_SHRINK) == 0) {
            throw new VhostUserException(what + ": its file is not sealed against shrinking (F_SEAL_SHRINK)");
        }
        Arena arena = Arena.ofShared();
        try {
            return new SharedRegion(arena, MemoryMap.shared(fd, offsetBytes, sizeBytes, arena));
        } catch (SystemCallException failure) {
            arena.close();
            throw failure;
        }
    }

    /** The region's bytes. */
    public MemorySegment bytes() {
        return bytes;
    }

    @Override
    public void close() {
        arena.close();
    }
}
