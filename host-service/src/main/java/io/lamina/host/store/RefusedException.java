package io.lamina.host.store;

import java.io.IOException;

/** A request that the store's state does not allow, or that makes no sense; nothing was changed. */
public final class RefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Why; one place maps these to the codes of a protocol. */
    public enum Reason {
        NOT_FOUND,
        ALREADY_EXISTS,
        /** The request contradicts itself or what is there. */
        INVALID_ARGUMENT,
        /** It would be possible in another state. */
        FAILED_PRECONDITION,
        /** Somebody else may be able to do it. */
        UNIMPLEMENTED,
        /** There is no room. */
        RESOURCE_EXHAUSTED
    }

    private final Reason reason;

    public RefusedException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    /** Why. */
    public Reason reason() {
        return reason;
    }
}
