package io.lamina.linux;

import java.io.IOException;

/** A system call that failed: which one, on what, and the {@code errno} it left. */
public final class SystemCallException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * @param call the call's name as in its manual page, such as {@code mount}
     * @param subject what it was called on, such as a path; may be empty
     * @param errno the positive error number of {@code errno(3)}
     */
    public SystemCallException(String call, String subject, int errno) {
        super(call + (subject.isEmpty() ? "" : " " + subject) + ": " + Errno.describe(errno));
        this.call = call;
        this.errno = errno;
    }

    /** The call's name as in its manual page. */
    public String call() {
        return call;
    }

    /** The positive error number, to be compared with the constants of {@link Errno}. */
    public int errno() {
        return errno;
    }
}
