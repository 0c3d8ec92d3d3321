package io.lamina.vhostuser.block;

import io.lamina.linux.OwnedFd;
import java.lang.foreign.MemorySegment;

/**
 * A run of a device that comes from one place.
 *
 * @param startBytes where it starts on the device
 * @param lengthBytes above 0
 */
public record Extent(long startBytes, long lengthBytes, Source source) {
    public Extent {
        if (startBytes < 0 || lengthBytes <= 0 || lengthBytes > Long.MAX_VALUE - startBytes) {
            throw new IllegalArgumentException("extent at " + startBytes + " of " + lengthBytes + " bytes");
        }
        if (source instanceof Source.InMemory(MemorySegment memory, long offset)
                && (offset < 0 || lengthBytes > memory.byteSize() - offset)) {
            throw new IllegalArgumentException("extent at " + startBytes + " leaves its memory");
        }
        if (source instanceof Source.InFile file
                && (file.offsetBytes() < 0 || lengthBytes > Long.MAX_VALUE - file.offsetBytes())) {
            throw new IllegalArgumentException("extent at " + startBytes + " has file offset " + file.offsetBytes());
        }
    }

    /** Where an extent's bytes are. */
    public sealed interface Source {
        /** In a file, from an offset on; the descriptor stays its owner's. Where the file ends early, zeroes follow. */
        record InFile(OwnedFd fd, long offsetBytes) implements Source {}

        /** In memory, from an offset on. */
        record InMemory(MemorySegment memory, long offsetBytes) implements Source {}

        /** Nowhere: zeroes. */
        record Zeroes() implements Source {}
    }

    /** The first byte after the extent. */
    public long endBytes() {
        return startBytes + lengthBytes;
    }
}
