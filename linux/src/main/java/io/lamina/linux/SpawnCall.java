package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/** {@code posix_spawn(3)} with the file actions and attributes that {@link Spawn} promises. For use by one thread. */
final class SpawnCall implements AutoCloseable {
    /** Keeps the list of descriptors to close short; no program of ours needs more. */
    static final int MAX_CHILD_DESCRIPTOR = 1023;

    /** Room for glibc's {@code posix_spawn_file_actions_t} (80) and {@code posix_spawnattr_t} (336), and to spare. */
    private static final int FILE_ACTIONS_BYTES = 256;

    private static final int ATTRIBUTES_BYTES = 1024;

    /** {@code sigset_t} of glibc. */
    private static final int SIGSET_BYTES = 128;

    // spawn.h
    private static final short POSIX_SPAWN_SETSIGDEF = 0x04;
    private static final short POSIX_SPAWN_SETSIGMASK = 0x08;
    private static final short POSIX_SPAWN_SETSID = 0x80;

    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int STANDARD_STREAMS = 3;

    private static final int WORDS = 6;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    private static final FunctionDescriptor SIX_WORDS = FunctionDescriptor.of(WORD, WORD, WORD, WORD, WORD, WORD, WORD);

    /**
     * Functions of {@code spawn.h}, all bound in one shape, six words: each shape costs the guest's start what
     * {@link SystemCall} tells. On the architectures we run on, a function does not see arguments that it does not take,
     * nor the upper half of a word that it takes an {@code int} or {@code short} from.
     */
    private enum Function {
        SPAWN("posix_spawn"),
        ACTIONS_INIT("posix_spawn_file_actions_init"),
        ACTIONS_DESTROY("posix_spawn_file_actions_destroy"),
        ADD_CLOSE("posix_spawn_file_actions_addclose"),
        ADD_CLOSE_FROM("posix_spawn_file_actions_addclosefrom_np"),
        ADD_DUP2("posix_spawn_file_actions_adddup2"),
        ADD_OPEN("posix_spawn_file_actions_addopen"),
        ATTRIBUTES_INIT("posix_spawnattr_init"),
        ATTRIBUTES_DESTROY("posix_spawnattr_destroy"),
        SET_FLAGS("posix_spawnattr_setflags"),
        SET_SIGMASK("posix_spawnattr_setsigmask"),
        SET_SIGDEFAULT("posix_spawnattr_setsigdefault"),
        SIGFILLSET("sigfillset");

        private final String function;
        private final MethodHandle handle;

        Function(String function) {
            this.function = function;
            this.handle = Libc.handle(function, SIX_WORDS);
        }

        /** Calls the function, which answers an error number instead of setting {@code errno}. */
        int call(long... arguments) {
            long[] all = Arrays.copyOf(arguments, WORDS);
            try {
                return (int) (long) handle.invokeExact(all[0], all[1], all[2], all[3], all[4], all[5]);
            } catch (Throwable failure) {
                throw Libc.unexpected(function, failure);
            }
        }

        void succeed(long... arguments) throws SystemCallException {
            int errno = call(arguments);
            if (errno != 0) {
                throw new SystemCallException(function, "", errno);
            }
        }
    }

    private final Arena arena = Arena.ofConfined();
    private final List<OwnedFd> held = new ArrayList<>();
    private final MemorySegment actions = arena.allocate(FILE_ACTIONS_BYTES, Long.BYTES);
    private final MemorySegment attributes = arena.allocate(ATTRIBUTES_BYTES, Long.BYTES);
    private final List<String> executables;
    private final MemorySegment argv;
    private final MemorySegment envp;

    /**
     * The child's open files.
     *
     * @param descriptors by the child's numbers
     * @param terminal what the standard streams are instead
     */
    record Streams(
            SortedMap<Integer, OwnedFd> descriptors,
            @Nullable String terminal) {}

    /** Prepares everything, so that {@link #run} needs no file of the caller's root. */
    SpawnCall(Spawn.Program program, Streams streams, boolean newSession) throws SystemCallException {
        this.executables = program.executables();
        try {
            this.argv = strings(arena, program.arguments());
            this.envp = strings(arena, program.environment());
            Function.ACTIONS_INIT.succeed(actions.address());
            Function.ATTRIBUTES_INIT.succeed(attributes.address());
            mapDescriptors(streams.descriptors);
            if (streams.terminal != null) {
                openTerminal(streams.terminal);
            }
            setAttributes(newSession);
        } catch (SystemCallException | RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    /**
     * Starts the child from the calling thread and answers its process number. As {@code execvp(3)}, it goes on to the
     * next file when one is missing or forbidden.
     */
    int run() throws SystemCallException {
        MemorySegment pid = arena.allocate(ValueLayout.JAVA_INT);
        SystemCallException forbidden = null;
        SystemCallException missing = null;
        for (String executable : executables) {
            MemorySegment path = Libc.cString(arena, executable.getBytes(StandardCharsets.UTF_8));
            int errno = spawn(pid, path);
            if (errno == 0) {
                return pid.get(ValueLayout.JAVA_INT, 0);
            }
            SystemCallException failure = new SystemCallException("posix_spawn", executable, errno);
            switch (errno) {
                case Errno.EACCES -> forbidden = forbidden == null ? failure : forbidden;
                case Errno.ENOENT, Errno.ENOTDIR -> missing = failure;
                default -> throw failure;
            }
        }
        throw forbidden != null ? forbidden : Objects.requireNonNull(missing);
    }

    @Override
    public void close() {
        int _ = Function.ACTIONS_DESTROY.call(actions.address());
        int _ = Function.ATTRIBUTES_DESTROY.call(attributes.address());
        held.forEach(OwnedFd::close);
        arena.close();
    }

    private int spawn(MemorySegment pid, MemorySegment path) {
        return Function.SPAWN.call(
                pid.address(), path.address(), actions.address(), attributes.address(), argv.address(), envp.address());
    }

    /**
     * Each mapped file is first duplicated above every number of the child, so that no {@code dup2} overwrites the
     * source of a later one.
     */
    private void mapDescriptors(SortedMap<Integer, OwnedFd> descriptors) throws SystemCallException {
        int above = Math.max(STANDARD_STREAMS, descriptors.isEmpty() ? 0 : descriptors.lastKey() + 1);
        for (int number = 0; number < above; number++) {
            OwnedFd mapped = descriptors.get(number);
            if (mapped == null && number >= STANDARD_STREAMS) {
                Function.ADD_CLOSE.succeed(actions.address(), number);
                continue;
            }
            OwnedFd source = mapped == null ? devNull(above) : lifted(mapped.number(), above);
            held.add(source);
            Function.ADD_DUP2.succeed(actions.address(), source.number(), number);
        }
        Function.ADD_CLOSE_FROM.succeed(actions.address(), above);
    }

    /** The leader of a new session that opens a terminal is controlled by it (tty_ioctl(4), "Controlling terminal"). */
    private void openTerminal(String path) throws SystemCallException {
        long name = Libc.cString(arena, path.getBytes(StandardCharsets.UTF_8)).address();
        Function.ADD_OPEN.succeed(actions.address(), 0, name, DeviceFile.O_RDWR, 0);
        for (int stream = 1; stream < STANDARD_STREAMS; stream++) {
            Function.ADD_DUP2.succeed(actions.address(), 0, stream);
        }
    }

    private void setAttributes(boolean newSession) throws SystemCallException {
        MemorySegment signals = arena.allocate(SIGSET_BYTES, Long.BYTES); // zeroes: the empty set
        Function.SET_SIGMASK.succeed(attributes.address(), signals.address());
        Function.SIGFILLSET.succeed(signals.address());
        Function.SET_SIGDEFAULT.succeed(attributes.address(), signals.address());
        int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (newSession ? POSIX_SPAWN_SETSID : 0);
        Function.SET_FLAGS.succeed(attributes.address(), flags);
    }

    private static OwnedFd lifted(int number, int above) throws SystemCallException {
        return new OwnedFd(OwnedFd.fcntl(number, F_DUPFD_CLOEXEC, above));
    }

    private static OwnedFd devNull(int above) throws SystemCallException {
        try (OwnedFd low = DeviceFile.open("/dev/null", DeviceFile.O_RDWR)) {
            return lifted(low.number(), above);
        }
    }

    /** An array of pointers to NUL-terminated strings, with a null pointer at its end. */
    private static MemorySegment strings(SegmentAllocator allocator, List<byte[]> values) {
        MemorySegment array = allocator.allocate(ValueLayout.ADDRESS, values.size() + 1L);
        for (int i = 0; i < values.size(); i++) {
            array.setAtIndex(ValueLayout.ADDRESS, i, Libc.cString(allocator, values.get(i)));
        }
        return array;
    }
}
