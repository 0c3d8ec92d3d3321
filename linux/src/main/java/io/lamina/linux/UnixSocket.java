package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
    private static final int SO_TYPE = 3;
    private static final int SO_PEERCRED = 17;
    private static final int SO_ACCEPTCONN = 30;
    private static final int SO_DOMAIN = 39;
    private static final int SHUT_RDWR = 2;

    /** Room for a path in {@code struct sockaddr_un}, its final NUL included. */
    private static final int SUN_PATH_BYTES = 108;

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
            MemorySegment numbers = arena.allocate(ValueLayout.JAVA_INT, 2);
            long _ = SystemCall.SOCKETPAIR.call("", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, numbers.address());
            return new Pair(
                    new OwnedFd(numbers.getAtIndex(ValueLayout.JAVA_INT, 0)),
                    new OwnedFd(numbers.getAtIndex(ValueLayout.JAVA_INT, 1)));
        }
    }

    /**
     * A non-blocking socket that listens at a path. It does not remove what is there: that needs a lock, which is the
     * caller's.
     *
     * @param path at most 107 bytes long
     */
    public static OwnedFd listen(Path path, int backlog) throws SystemCallException {
        return atPath(SystemCall.BIND, SOCK_NONBLOCK, path, fd -> {
            long _ = SystemCall.LISTEN.call(path.toString(), fd.number(), backlog);
        });
    }

    /** A blocking socket connected to who listens at {@code path}. */
    public static OwnedFd connect(Path path) throws SystemCallException {
        return atPath(SystemCall.CONNECT, 0, path, _ -> {});
    }

    /** The next waiting connection, non-blocking; null when none waits. */
    public static @Nullable OwnedFd accept(OwnedFd listening) throws SystemCallException {
        try {
            return new OwnedFd((int) SystemCall.ACCEPT4.call(
                    listening.toString(), listening.number(), 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC));
        } catch (SystemCallException failure) {
            if (failure.errno() == Errno.EAGAIN) {
                return null;
            }
            throw failure;
        }
    }

    /** Ends both directions: whoever reads at either end finds the end of the stream. */
    public static void shutDown(OwnedFd connected) throws SystemCallException {
        long _ = SystemCall.SHUTDOWN.call(connected.toString(), connected.number(), SHUT_RDWR);
    }

    /** The descriptor is a stream socket of this family on which {@code listen(2)} has been called; for inherited ones. */
    public static boolean isListening(OwnedFd fd) {
        try {
            return option(fd, SO_DOMAIN) == AF_UNIX
                    && option(fd, SO_TYPE) == SOCK_STREAM
                    && option(fd, SO_ACCEPTCONN) != 0;
        } catch (SystemCallException noSocket) {
            return false;
        }
    }

    private static int option(OwnedFd fd, int name) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
            MemorySegment length = arena.allocateFrom(ValueLayout.JAVA_INT, (int) value.byteSize());
            long _ = SystemCall.GETSOCKOPT.call(
                    fd.toString(), fd.number(), SOL_SOCKET, name, value.address(), length.address());
            return value.get(ValueLayout.JAVA_INT, 0);
        }
    }

    /** Who connected, or made the pair ({@code SO_PEERCRED}). */
    public static PeerCredentials peerCredentials(OwnedFd connected) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment credentials = arena.allocate(ValueLayout.JAVA_INT, 3);
            MemorySegment length = arena.allocateFrom(ValueLayout.JAVA_INT, (int) credentials.byteSize());
            long _ = SystemCall.GETSOCKOPT.call(
                    connected.toString(),
                    connected.number(),
                    SOL_SOCKET,
                    SO_PEERCRED,
                    credentials.address(),
                    length.address());
            return new PeerCredentials(
                    credentials.getAtIndex(ValueLayout.JAVA_INT, 0),
                    credentials.getAtIndex(ValueLayout.JAVA_INT, 1),
                    credentials.getAtIndex(ValueLayout.JAVA_INT, 2));
        }
    }

    /** What is done with a socket before anyone else sees it. */
    private interface Preparation {
        void prepare(OwnedFd fd) throws SystemCallException;
    }

    /** A new socket bound or connected to a path. */
    private static OwnedFd atPath(SystemCall call, int flags, Path path, Preparation preparation)
            throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(arena, path);
            OwnedFd fd = new OwnedFd((int) SystemCall.SOCKET.call("", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
            try {
                long _ = call.call(path.toString(), fd.number(), address.address(), address.byteSize());
                preparation.prepare(fd);
                return fd;
            } catch (SystemCallException failure) {
                fd.close();
                throw failure;
            }
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
}
