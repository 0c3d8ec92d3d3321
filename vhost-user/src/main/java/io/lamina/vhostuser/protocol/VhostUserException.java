package io.lamina.vhostuser.protocol;

import java.io.IOException;

/** A peer broke the protocol, or asked for what this back-end refuses; the message names request, field and rule. */
public final class VhostUserException extends IOException {
    private static final long serialVersionUID = 1L;

    public VhostUserException(String message) {
        super(message);
    }

    public VhostUserException(String message, Throwable cause) {
        super(message, cause);
    }
}
