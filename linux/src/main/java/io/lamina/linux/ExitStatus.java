package io.lamina.linux;

/**
 * How a process ended ({@code waitid(2)}): with a status of its own, or by a signal.
 *
 * @param code the status it gave to {@code exit}, 0 to 255; 0 when a signal ended it
 * @param signal the signal that ended it; 0 when it ended by itself
 */
public record ExitStatus(int code, int signal) {
    private static final int SHELL_SIGNAL_BASE = 128;

    /** The number that a shell puts into {@code $?}: the status, or 128 + N for signal N. */
    public int asShell() {
        return signal == 0 ? code : SHELL_SIGNAL_BASE + signal;
    }

    /** Whether the process ended by itself with status 0. */
    public boolean success() {
        return signal == 0 && code == 0;
    }

    @Override
    public String toString() {
        return signal == 0 ? "exit status " + code : "signal " + signal;
    }
}
