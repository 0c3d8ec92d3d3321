package io.lamina.linux;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.atomic.AtomicBoolean;

/** A file descriptor that this process must close, and closes once. Any thread may close it. */
public final class OwnedFd implements AutoCloseable {
    private static final MethodHandle CLOSE =
            Libc.handle("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    /** Commands of {@code fcntl(2)} and the flag that they move, {@code asm-generic/fcntl.h} and {@code linux/fcntl.h}. */
    private static final int F_SETFD = 2;

    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int FD_CLOEXEC = 1;
    private static final int O_NONBLOCK = 0x800;

    private final int number;
    private final AtomicBoolean closed = new AtomicBoolean();

    /** Takes over the descriptor {@code number}, which is open and has no other owner. */
    public OwnedFd(int number) {
        if (number < 0) {
            throw new IllegalArgumentException("file descriptor " + number);
        }
        this.number = number;
    }

    /** The descriptor's number, good until {@link #close}. */
    public int number() {
        if (closed.get()) {
            throw new IllegalStateException("file descriptor " + number + " is closed");
        }
        return number;
    }

    /** A second descriptor of the same open file, closed on exec. */
    public OwnedFd duplicate() throws SystemCallException {
        return new OwnedFd(fcntl(number(), F_DUPFD_CLOEXEC, 0));
    }

    /** Makes reads and writes answer {@code EAGAIN} where they would wait; it holds for every descriptor of the open file. */
    public void setNonBlocking() throws SystemCallException {
        fcntl(number(), F_SETFL, fcntl(number(), F_GETFL, 0) | O_NONBLOCK);
    }

    /** Says whether the descriptor is closed when this process executes another program. */
    public void setCloseOnExec(boolean closeOnExec) throws SystemCallException {
        fcntl(number(), F_SETFD, closeOnExec ? FD_CLOEXEC : 0);
    }

    /** Closes the descriptor; later calls do nothing. What {@code close(2)} answers is of no use: the descriptor is gone. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            try {
                int ignored = (int) CLOSE.invokeExact(number);
            } catch (Throwable failure) {
                throw Libc.unexpected("close", failure);
            }
        }
    }

    @Override
    public String toString() {
        return "fd " + number + (closed.get() ? " (closed)" : "");
    }

    /** {@code fcntl(2)} with an {@code int} argument. */
    static int fcntl(int fd, int command, int argument) throws SystemCallException {
        return (int) SystemCall.FCNTL.call("fd " + fd, fd, command, argument);
    }
}
