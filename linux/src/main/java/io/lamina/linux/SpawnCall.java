package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;

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

    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 02000000;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int STANDARD_STREAMS = 3;

    private static final FunctionDescriptor ONE_POINTER =
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
    private static final FunctionDescriptor TWO_POINTERS =
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS);
    private static final FunctionDescriptor POINTER_AND_FD =
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);

    private static final MethodHandle SPAWN = Libc.handle(
            "posix_spawn",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS));
    private static final MethodHandle ACTIONS_INIT = Libc.handle("posix_spawn_file_actions_init", ONE_POINTER);
    private static final MethodHandle ACTIONS_DESTROY = Libc.handle("posix_spawn_file_actions_destroy", ONE_POINTER);
    private static final MethodHandle ADD_CLOSE = Libc.handle("posix_spawn_file_actions_addclose", POINTER_AND_FD);
    private static final MethodHandle ADD_CLOSE_FROM =
            Libc.handle("posix_spawn_file_actions_addclosefrom_np", POINTER_AND_FD);
    private static final MethodHandle ADD_DUP2 = Libc.handle(
            "posix_spawn_file_actions_adddup2",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle ATTRIBUTES_INIT = Libc.handle("posix_spawnattr_init", ONE_POINTER);
    private static final MethodHandle ATTRIBUTES_DESTROY = Libc.handle("posix_spawnattr_destroy", ONE_POINTER);
    private static final MethodHandle SET_FLAGS = Libc.handle(
            "posix_spawnattr_setflags",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_SHORT));
    private static final MethodHandle SET_SIGMASK = Libc.handle("posix_spawnattr_setsigmask", TWO_POINTERS);
    private static final MethodHandle SET_SIGDEFAULT = Libc.handle("posix_spawnattr_setsigdefault", TWO_POINTERS);
    private static final MethodHandle SIGFILLSET = Libc.handle("sigfillset", ONE_POINTER);
    private static final MethodHandle OPEN = Libc.variadicErrnoHandle(
            "open", 2, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    private final Arena arena = Arena.ofConfined();
    private final List<OwnedFd> held = new ArrayList<>();
    private final MemorySegment actions = arena.allocate(FILE_ACTIONS_BYTES, Long.BYTES);
    private final MemorySegment attributes = arena.allocate(ATTRIBUTES_BYTES, Long.BYTES);
    private final List<String> executables;
    private final MemorySegment argv;
    private final MemorySegment envp;

    /** Prepares everything, so that {@link #run} needs no file of the caller's root. */
    SpawnCall(Spawn.Program program, SortedMap<Integer, OwnedFd> descriptors, boolean newSession)
            throws SystemCallException {
        this.executables = program.executables();
        try {
            this.argv = strings(arena, program.arguments());
            this.envp = strings(arena, program.environment());
            check((int) ACTIONS_INIT.invokeExact(actions), "posix_spawn_file_actions_init");
            check((int) ATTRIBUTES_INIT.invokeExact(attributes), "posix_spawnattr_init");
            mapDescriptors(descriptors);
            setAttributes(newSession);
        } catch (SystemCallException | RuntimeException failure) {
            close();
            throw failure;
        } catch (Throwable failure) {
            close();
            throw Libc.unexpected("posix_spawn", failure);
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
        try {
            int _ = (int) ACTIONS_DESTROY.invokeExact(actions);
            int _ = (int) ATTRIBUTES_DESTROY.invokeExact(attributes);
        } catch (Throwable failure) {
            throw Libc.unexpected("posix_spawn_file_actions_destroy", failure);
        } finally {
            held.forEach(OwnedFd::close);
            arena.close();
        }
    }

    private int spawn(MemorySegment pid, MemorySegment path) {
        try {
            return (int) SPAWN.invokeExact(pid, path, actions, attributes, argv, envp);
        } catch (Throwable failure) {
            throw Libc.unexpected("posix_spawn", failure);
        }
    }

    /**
     * Each mapped file is first duplicated above every number of the child, so that no {@code dup2} overwrites the
     * source of a later one.
     */
    private void mapDescriptors(SortedMap<Integer, OwnedFd> descriptors) throws Throwable {
        int above = Math.max(STANDARD_STREAMS, descriptors.isEmpty() ? 0 : descriptors.lastKey() + 1);
        for (int number = 0; number < above; number++) {
            OwnedFd mapped = descriptors.get(number);
            if (mapped == null && number >= STANDARD_STREAMS) {
                check((int) ADD_CLOSE.invokeExact(actions, number), "posix_spawn_file_actions_addclose");
                continue;
            }
            OwnedFd source = mapped == null ? devNull(above) : lifted(mapped.number(), above);
            held.add(source);
            check((int) ADD_DUP2.invokeExact(actions, source.number(), number), "posix_spawn_file_actions_adddup2");
        }
        check((int) ADD_CLOSE_FROM.invokeExact(actions, above), "posix_spawn_file_actions_addclosefrom_np");
    }

    private void setAttributes(boolean newSession) throws Throwable {
        MemorySegment signals = arena.allocate(SIGSET_BYTES, Long.BYTES); // zeroes: the empty set
        check((int) SET_SIGMASK.invokeExact(attributes, signals), "posix_spawnattr_setsigmask");
        check((int) SIGFILLSET.invokeExact(signals), "sigfillset");
        check((int) SET_SIGDEFAULT.invokeExact(attributes, signals), "posix_spawnattr_setsigdefault");
        int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (newSession ? POSIX_SPAWN_SETSID : 0);
        check((int) SET_FLAGS.invokeExact(attributes, (short) flags), "posix_spawnattr_setflags");
    }

    private static OwnedFd lifted(int number, int above) throws SystemCallException {
        return new OwnedFd(OwnedFd.fcntl(number, F_DUPFD_CLOEXEC, above));
    }

    private static OwnedFd devNull(int above) throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment path = arena.allocateFrom("/dev/null");
            int number = (int) OPEN.invokeExact(state, path, O_RDWR | O_CLOEXEC);
            if (number < 0) {
                throw new SystemCallException("open", "/dev/null", Libc.errno(state));
            }
            try (OwnedFd low = new OwnedFd(number)) {
                return lifted(low.number(), above);
            }
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

    /** These functions answer an error number instead of setting {@code errno}. */
    private static void check(int errno, String call) throws SystemCallException {
        if (errno != 0) {
            throw new SystemCallException(call, "", errno);
        }
    }
}
