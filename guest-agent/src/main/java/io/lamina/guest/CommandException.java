package io.lamina.guest;

/** A command that cannot be started, for a reason that lies in the image or its configuration. */
final class CommandException extends Exception {
    private static final long serialVersionUID = 1L;

    CommandException(String message, Throwable cause) {
        super(message, cause);
    }
}
