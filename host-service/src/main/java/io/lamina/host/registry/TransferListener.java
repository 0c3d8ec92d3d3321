package io.lamina.host.registry;

import io.lamina.images.oci.Descriptor;

/** Is told how far blobs are on their way. Called from several threads, and often: it must be quick. */
@FunctionalInterface
public interface TransferListener {
    /** Tells nobody. */
    TransferListener NONE = (_, _, _) -> {};

    /** How a blob is. */
    enum State {
        /** On its way. */
        MOVING,
        /** It has come. */
        DONE,
        /** It was there before. */
        THERE,
        /** The registry had it in another repository, and has it in this one now. */
        MOUNTED
    }

    /**
     * Tells of a blob.
     *
     * @param doneBytes how much of it has come so far
     */
    void tell(Descriptor blob, State state, long doneBytes);
}
