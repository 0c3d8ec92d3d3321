package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Stream sockets of the {@code AF_UNIX} family as bare descriptors ({@code unix(7)}), all closed on exec. */
public final class UnixSocket {
    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_PEERCRED = 17;
    private static final int SHUT_RDWR = 2;

    /** Room for a path in {@code struct sockaddr_un}, its final NUL included. */
    private static final int SUN_PATH_BYTES = 108;

    private static final FunctionDescriptor THREE_INTS = FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
    private static final FunctionDescriptor FD_AND_ADDRESS = FunctionDescriptor.of(
            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
    private static final MethodHandle SOCKET = Libc.errnoHandle("socket", THREE_INTS);
    private static final MethodHandle BIND = Libc.errnoHandle("bind", FD_AND_ADDRESS);
    private static final MethodHandle CONNECT = Libc.errnoHandle("connect", FD_AND_ADDRESS);
    private static final MethodHandle LISTEN = Libc.errnoHandle(
            "listen", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle SHUTDOWN = Libc.errnoHandle(
            "shutdown", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle ACCEPT4 = Libc.errnoHandle(
            "accept4",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT));
    private static final MethodHandle SOCKETPAIR = Libc.errnoHandle(
            "socketpair",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS));
    private static final MethodHandle GETSOCKOPT = Libc.errnoHandle(
            "getsockopt",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS));

    private UnixSocket() {}

    /** Who holds the other end: process id, user id and group id at the time of connecting. */
    public record PeerCredentials(int pid, int uid, int gid) {}

    /** Two sockets connected to each other, blocking. */
    public record Pair(OwnedFd first, OwnedFd second) implements AutoCloseable {
        @Override
        public void close() {
            first.close();
            second.close();
        }
    }

    /** Makes a {@link Pair}. */
    public static Pair pair() throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment numbers = arena.allocate(ValueLayout.JAVA_INT, 2);
            int result = (int) SOCKETPAIR.invokeExact(state, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, numbers);
            check(result, "socketpair", "", state);
            return new Pair(
                    new OwnedFd(numbers.getAtIndex(ValueLayout.JAVA_INT, 0)),
                    new OwnedFd(numbers.getAtIndex(ValueLayout.JAVA_INT, 1)));
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("socketpair", failure);
        }
    }

    /**
     * A non-blocking socket that listens at a path. It does not remove what is there: that needs a lock, which is the
     * caller's.
     *
     * @param path at most 107 bytes long
     */
    public static OwnedFd listen(Path path, int backlog) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            OwnedFd fd = socket(arena, SOCK_NONBLOCK);
            try {
                MemorySegment address = address(arena, path);
                int bound = (int) BIND.invokeExact(state, fd.number(), address, (int) address.byteSize());
                check(bound, "bind", path.toString(), state);
                int listening = (int) LISTEN.invokeExact(state, fd.number(), backlog);
                check(listening, "listen", path.toString(), state);
                return fd;
            } catch (Throwable failure) {
                fd.close();
                throw failure;
            }
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("listen", failure);
        }
    }

    /** A blocking socket connected to who listens at {@code path}. */
    public static OwnedFd connect(Path path) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            OwnedFd fd = socket(arena, 0);
            try {
                MemorySegment address = address(arena, path);
                int result = (int) CONNECT.invokeExact(state, fd.number(), address, (int) address.byteSize());
                check(result, "connect", path.toString(), state);
                return fd;
            } catch (Throwable failure) {
                fd.close();
                throw failure;
            }
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("connect", failure);
        }
    }

    /** The next waiting connection, non-blocking; null when none waits. */
    public static @Nullable OwnedFd accept(OwnedFd listening) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int number = (int) ACCEPT4.invokeExact(state, listening.number(), 0L, 0L, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (number < 0 && Libc.errno(state) == Errno.EAGAIN) {
                return null;
            }
            check(number, "accept4", listening.toString(), state);
            return new OwnedFd(number);
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("accept4", failure);
        }
    }

    /** Ends both directions: whoever reads at either end finds the end of the stream. */
    public static void shutDown(OwnedFd connected) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int result = (int) SHUTDOWN.invokeExact(state, connected.number(), SHUT_RDWR);
            check(result, "shutdown", connected.toString(), state);
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("shutdown", failure);
        }
    }

    /** Who connected, or made the pair ({@code SO_PEERCRED}). */
    public static PeerCredentials peerCredentials(OwnedFd connected) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment credentials = arena.allocate(ValueLayout.JAVA_INT, 3);
            MemorySegment length = arena.allocateFrom(ValueLayout.JAVA_INT, (int) credentials.byteSize());
            int result = (int)
                    GETSOCKOPT.invokeExact(state, connected.number(), SOL_SOCKET, SO_PEERCRED, credentials, length);
            check(result, "getsockopt", connected.toString(), state);
            return new PeerCredentials(
                    credentials.getAtIndex(ValueLayout.JAVA_INT, 0),
                    credentials.getAtIndex(ValueLayout.JAVA_INT, 1),
                    credentials.getAtIndex(ValueLayout.JAVA_INT, 2));
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("getsockopt", failure);
        }
    }

    private static OwnedFd socket(Arena arena, int flags) throws SystemCallException {
        try {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int number = (int) SOCKET.invokeExact(state, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
            check(number, "socket", "", state);
            return new OwnedFd(number);
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("socket", failure);
        }
    }

    /** {@code struct sockaddr_un}: the family in two bytes, then the path. */
    private static MemorySegment address(Arena arena, Path path) {
        byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= SUN_PATH_BYTES) {
            throw new IllegalArgumentException("socket path of " + bytes.length + " bytes, at most "
                    + (SUN_PATH_BYTES - 1) + " are possible: " + path);
        }
        MemorySegment address = arena.allocate(2L + bytes.length + 1, 2);
        address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
        MemorySegment.copy(bytes, 0, address, ValueLayout.JAVA_BYTE, 2, bytes.length);
        return address;
    }

    private static void check(int result, String call, String subject, MemorySegment state) throws SystemCallException {
        if (result < 0) {
            throw new SystemCallException(call, subject, Libc.errno(state));
        }
    }
}
