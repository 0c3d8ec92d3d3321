package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;

/** A file descriptor that this process must close, and closes once. Any thread may close it. */
public final class OwnedFd implements AutoCloseable {
    private static final MethodHandle CLOSE =
            Libc.handle("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle OPEN = Libc.variadicErrnoHandle(
            "open",
            2,
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle FCNTL = Libc.variadicErrnoHandle(
            "fcntl",
            2,
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    /** Commands of {@code fcntl(2)} and the flag that they move, {@code asm-generic/fcntl.h} and {@code linux/fcntl.h}. */
    private static final int F_SETFD = 2;

    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int FD_CLOEXEC = 1;
    private static final int O_RDONLY = 0;
    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 02000000;

    private final int number;
    private final AtomicBoolean closed = new AtomicBoolean();

    /** Takes over the descriptor {@code number}, which is open and has no other owner. */
    public OwnedFd(int number) {
        if (number < 0) {
            throw new IllegalArgumentException("file descriptor " + number);
        }
        this.number = number;
    }

    /**
     * Opens {@code file} for reading ({@code open(2)}), closed on exec.
     *
     * @param file may be {@code /proc/self/fd/N}, which opens the file of that descriptor anew
     */
    public static OwnedFd openReadOnly(Path file) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment path = Libc.cString(arena, file.toString().getBytes(StandardCharsets.UTF_8));
            int number = (int) OPEN.invokeExact(state, path, O_RDONLY | O_CLOEXEC, 0);
            if (number < 0) {
                throw new SystemCallException("open", file.toString(), Libc.errno(state));
            }
            return new OwnedFd(number);
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("open", failure);
        }
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
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int result = (int) FCNTL.invokeExact(state, fd, command, argument);
            if (result < 0) {
                throw new SystemCallException("fcntl", "fd " + fd, Libc.errno(state));
            }
            return result;
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("fcntl", failure);
        }
    }
}
