package io.lamina.vhostuser.virtqueue;

/** The driver broke a rule of its ring: the ring is of no further use, everything else is unharmed. */
public final class VirtqueueException extends Exception {
    private static final long serialVersionUID = 1L;

    public VirtqueueException(String message) {
        super(message);
    }
}
