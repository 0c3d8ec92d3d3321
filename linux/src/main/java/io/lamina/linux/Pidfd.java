package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A child process held by a descriptor ({@code pidfd_open(2)}), so that neither a wait nor a signal can reach another
 * process that got the same number later. Any thread may use an instance.
 *
 * <p>{@link #close} gives up the descriptor and leaves the process alone; a child that nobody waits for stays a zombie
 * until this process ends.
 */
public final class Pidfd implements AutoCloseable {
    public static final int SIGINT = 2;
    public static final int SIGKILL = 9;
    public static final int SIGTERM = 15;

    /** {@code siginfo_t}: 128 bytes, of which {@code waitid} fills these (asm-generic/siginfo.h, 64 bits). */
    private static final int SIGINFO_BYTES = 128;

    private static final int SIGINFO_CODE = 8;
    private static final int SIGINFO_PID = 16;
    private static final int SIGINFO_STATUS = 24;
    private static final int CLD_EXITED = 1;

    private static final int P_PIDFD = 3;
    private static final int WNOHANG = 1;
    private static final int WEXITED = 4;

    /** Of {@code asm-generic/unistd.h}, and the same on x86_64. */
    private static final long SYS_PIDFD_SEND_SIGNAL = 424;

    private static final long SYS_PIDFD_OPEN = 434;

    private static final MethodHandle SYSCALL = Libc.variadicErrnoHandle(
            "syscall",
            1,
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG));
    private static final MethodHandle WAITID = Libc.errnoHandle(
            "waitid",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_INT));

    private final int pid;
    private final OwnedFd fd;

    /** Set once, by the thread that took the status from the kernel; guarded by this. */
    private @Nullable ExitStatus ended;

    private Pidfd(int pid, OwnedFd fd) {
        this.pid = pid;
        this.fd = fd;
    }

    /**
     * Takes hold of the child {@code pid} of this process, which nobody has waited for yet.
     *
     * @throws SystemCallException if there is no such process
     */
    public static Pidfd open(int pid) throws SystemCallException {
        return new Pidfd(pid, new OwnedFd((int) syscall("pidfd_open", SYS_PIDFD_OPEN, pid, pid, 0)));
    }

    /** The process number, for messages; it names the child for as long as nobody has waited for it. */
    public int pid() {
        return pid;
    }

    /** Waits for the end of the process; blocks the thread and, of a virtual thread, its carrier. */
    public ExitStatus waitFor() throws SystemCallException {
        while (true) {
            boolean _ = Poll.readable(fd, -1); // a signal may end the wait, too
            Optional<ExitStatus> status = reap();
            if (status.isPresent()) {
                return status.get();
            }
        }
    }

    /** Waits at most {@code limit} for the end of the process; empty when it still runs. */
    public Optional<ExitStatus> waitFor(Duration limit) throws SystemCallException {
        long deadlineNanos = System.nanoTime() + limit.toNanos();
        while (true) {
            Optional<ExitStatus> status = reap();
            long leftNanos = deadlineNanos - System.nanoTime();
            if (status.isPresent() || leftNanos <= 0) {
                return status;
            }
            boolean _ = Poll.readable(fd, (int) Math.min(1 + leftNanos / 1_000_000, Integer.MAX_VALUE));
        }
    }

    /** Sends a signal; one to a process that has ended already is not an error. */
    public synchronized void signal(int signal) throws SystemCallException {
        if (ended == null) {
            syscall("pidfd_send_signal", SYS_PIDFD_SEND_SIGNAL, pid, fd.number(), signal);
        }
    }

    @Override
    public void close() {
        fd.close();
    }

    /** Takes the exit status if the process has ended. */
    private synchronized Optional<ExitStatus> reap() throws SystemCallException {
        if (ended != null) {
            return Optional.of(ended);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment info = arena.allocate(SIGINFO_BYTES, Long.BYTES);
            int result = (int) WAITID.invokeExact(state, P_PIDFD, fd.number(), info, WEXITED | WNOHANG);
            if (result < 0) {
                throw new SystemCallException("waitid", "process " + pid, Libc.errno(state));
            }
            if (info.get(ValueLayout.JAVA_INT, SIGINFO_PID) == 0) {
                return Optional.empty();
            }
            int status = info.get(ValueLayout.JAVA_INT, SIGINFO_STATUS);
            boolean itself = info.get(ValueLayout.JAVA_INT, SIGINFO_CODE) == CLD_EXITED;
            ended = itself ? new ExitStatus(status, 0) : new ExitStatus(0, status);
            return Optional.of(ended);
        } catch (SystemCallException | IllegalStateException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("waitid", failure);
        }
    }

    private static long syscall(String name, long number, int pid, long first, long second) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            long result = (long) SYSCALL.invokeExact(state, number, first, second, 0L, 0L);
            if (result < 0) {
                throw new SystemCallException(name, "process " + pid, Libc.errno(state));
            }
            return result;
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected(name, failure);
        }
    }
}
