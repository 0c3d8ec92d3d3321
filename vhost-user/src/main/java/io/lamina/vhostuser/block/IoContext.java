package io.lamina.vhostuser.block;

import io.lamina.linux.IoVectors;
import io.lamina.linux.PositionedIo;

/**
 * What a thread needs to carry out requests, allocated once: system calls and their vectors.
 *
 * @param mayBlock the thread may wait for a disk
 */
public record IoContext(PositionedIo io, IoVectors vectors, boolean mayBlock) {
    /** A context for a thread of its own. */
    public static IoContext create(boolean mayBlock) {
        return new IoContext(new PositionedIo(), new IoVectors(IoVectors.MAX_COUNT), mayBlock);
    }
}
