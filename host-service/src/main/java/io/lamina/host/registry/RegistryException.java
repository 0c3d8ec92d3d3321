package io.lamina.host.registry;

import java.io.IOException;

/** A registry that cannot be reached, refuses, or breaks the rules of its protocol. The message says what to do next. */
public final class RegistryException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int status;

    /** @param status of HTTP, or 0 where there was no answer or a wrong one */
    RegistryException(int status, String message) {
        super(message);
        this.status = status;
    }

    RegistryException(String message, Throwable cause) {
        super(message, cause);
        this.status = 0;
    }

    /** The status of HTTP that the registry answered with, or 0. */
    public int status() {
        return status;
    }
}
