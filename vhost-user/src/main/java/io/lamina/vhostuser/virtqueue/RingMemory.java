package io.lamina.vhostuser.virtqueue;

import io.lamina.vhostuser.memory.GuestMemory;
import io.lamina.vhostuser.protocol.VhostUserException;
import java.lang.foreign.MemorySegment;

/** The parts of a ring in guest memory. */
final class RingMemory {
    private RingMemory() {}

    /**
     * A part at an address of the front-end.
     *
     * @throws VhostUserException when it is unaligned or not in one memory region
     */
    static MemorySegment part(GuestMemory guest, long userAddress, long lengthBytes, int alignmentBytes, String what)
            throws VhostUserException {
        MemorySegment bytes = guest.atUserAddress(userAddress, lengthBytes, what);
        // Both: the driver's own rule, and what a whole access in this process needs.
        if (userAddress % alignmentBytes != 0 || bytes.address() % alignmentBytes != 0) {
            throw new VhostUserException(what + " at 0x" + Long.toHexString(userAddress) + " is not aligned to "
                    + alignmentBytes + " bytes");
        }
        return bytes;
    }
}
