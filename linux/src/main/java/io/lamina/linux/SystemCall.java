package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/**
 * System calls of the control path by their numbers, all through one binding of {@code syscall(2)}. Each shape of a
 * foreign call that Java binds makes it generate and check classes; in a guest under emulation that took 50 ms a shape,
 * and the guest makes two dozen different calls.
 */
enum SystemCall {
    ACCEPT4(288, 242),
    BIND(49, 200),
    CHDIR(80, 49),
    CHROOT(161, 51),
    CLOCK_GETTIME(228, 113),
    CONNECT(42, 203),
    FCHMODAT(268, 53),
    FCNTL(72, 25),
    FINIT_MODULE(313, 273),
    FLOCK(73, 32),
    FSCONFIG(431, 431),
    FSMOUNT(432, 432),
    FSOPEN(430, 430),
    GETDENTS64(217, 61),
    GETSOCKOPT(55, 209),
    IOCTL(16, 29),
    LGETXATTR(192, 9),
    LINKAT(265, 37),
    LISTEN(50, 201),
    LLISTXATTR(195, 12),
    LSEEK(8, 62),
    LSETXATTR(189, 6),
    MKDIRAT(258, 34),
    MKNODAT(259, 33),
    MOUNT(165, 40),
    MOVE_MOUNT(429, 429),
    OPENAT(257, 56),
    OPENAT2(437, 437),
    PIDFD_OPEN(434, 434),
    PIDFD_SEND_SIGNAL(424, 424),
    PIPE2(293, 59),
    PPOLL(271, 73),
    READ(0, 63),
    READLINKAT(267, 78),
    REBOOT(169, 142),
    SENDTO(44, 206),
    SETGROUPS(116, 159),
    SETRESGID(119, 149),
    SETRESUID(117, 147),
    SHUTDOWN(48, 210),
    SOCKET(41, 198),
    SOCKETPAIR(53, 199),
    STATX(332, 291),
    SYMLINKAT(266, 36),
    SYSLOG(103, 116),
    UMOUNT2(166, 39),
    UNLINKAT(263, 35),
    UNSHARE(272, 97),
    UTIMENSAT(280, 88),
    WAITID(247, 95),
    WRITE(1, 64);

    /** For calls whose path is relative to a descriptor: the working directory ({@code fcntl.h}). */
    static final long AT_FDCWD = -100;

    /** {@code fcntl.h}, on both architectures. */
    static final long O_CLOEXEC = 02000000;

    private static final int MAX_ARGUMENTS = 6;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    private static final MethodHandle SYSCALL = Libc.variadicErrnoHandle(
            "syscall", 1, FunctionDescriptor.of(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

    private final long number;

    /** The numbers of arch/x86/entry/syscalls/syscall_64.tbl and of asm-generic/unistd.h. */
    SystemCall(long x86Number, long genericNumber) {
        this.number = System.getProperty("os.arch").equals("aarch64") ? genericNumber : x86Number;
    }

    /**
     * Makes the call.
     *
     * @param subject what it is about, for the message of a failure
     * @param arguments at most six; those left out are 0
     */
    long call(String subject, long... arguments) throws SystemCallException {
        if (arguments.length > MAX_ARGUMENTS) {
            throw new IllegalArgumentException(arguments.length + " arguments of a system call");
        }
        long[] all = Arrays.copyOf(arguments, MAX_ARGUMENTS);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            long result = (long) SYSCALL.invokeExact(state, number, all[0], all[1], all[2], all[3], all[4], all[5]);
            if (result == -1) {
                throw new SystemCallException(callName(), subject, Libc.errno(state));
            }
            return result;
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected(callName(), failure);
        }
    }

    /** The address of a NUL-terminated copy of {@code text}, good for as long as the arena. */
    static long string(Arena arena, String text) {
        return bytes(arena, text.getBytes(StandardCharsets.UTF_8));
    }

    /** As {@link #string}, of a name that need not be text. */
    static long bytes(Arena arena, byte[] name) {
        return Libc.cString(arena, name).address();
    }

    private String callName() {
        return name().toLowerCase(Locale.ROOT);
    }
}
