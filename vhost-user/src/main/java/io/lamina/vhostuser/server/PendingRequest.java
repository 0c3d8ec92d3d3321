package io.lamina.vhostuser.server;

import io.lamina.vhostuser.block.BlockRequest;
import org.jspecify.annotations.Nullable;

/** A request that an event loop lends to a ring, and the list it is in: of free, of slow or of finished ones. */
final class PendingRequest {
    final BlockRequest request = new BlockRequest();

    /** The ring it belongs to; null when it is free. */
    @Nullable
    QueueWorker owner;

    @Nullable
    PendingRequest next;

    /** It could not be carried out and its buffers are gone: the ring is broken. */
    boolean broken;
}
