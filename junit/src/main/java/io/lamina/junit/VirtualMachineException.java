package io.lamina.junit;

/** A machine did not do what it was asked for. The message ends with the last lines of its console, where there are any. */
public final class VirtualMachineException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    VirtualMachineException(String message) {
        super(message);
    }

    VirtualMachineException(String message, Throwable cause) {
        super(message, cause);
    }
}
