package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/**
 * A file opened for reading by the raw bytes of its path, which {@link java.nio.file.Path} cannot name when they are
 * not text in the platform's encoding. For use by one thread.
 */
public final class OpenFile implements AutoCloseable {
    /** A path that is not absolute starts at the working directory ({@code fcntl.h}). */
    static final int AT_FDCWD = -100;

    // asm-generic/fcntl.h; the two that aarch64 numbers differently are chosen by architecture.
    private static final boolean AARCH64 = System.getProperty("os.arch").equals("aarch64");
    private static final int O_RDONLY = 0;
    private static final int O_NONBLOCK = 04000;
    private static final int O_DIRECTORY = AARCH64 ? 040000 : 0200000;
    private static final int O_NOFOLLOW = AARCH64 ? 0100000 : 0400000;
    private static final int O_CLOEXEC = 02000000;

    private static final MethodHandle OPEN = Libc.variadicErrnoHandle(
            "open",
            2,
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle READ = Libc.errnoHandle(
            "read",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
    private static final MethodHandle CLOSE =
            Libc.handle("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment errno = arena.allocate(Libc.ERRNO_STATE);
    private final byte[] path;
    private final int fd;
    private boolean closed;

    private OpenFile(byte[] path, int flags) throws SystemCallException {
        this.path = path.clone();
        try (Arena names = Arena.ofConfined()) {
            this.fd = (int) OPEN.invokeExact(errno, Libc.cString(names, path), flags | O_CLOEXEC, 0);
        } catch (IllegalArgumentException failure) {
            arena.close();
            throw failure;
        } catch (Throwable failure) {
            arena.close();
            throw Libc.unexpected("open", failure);
        }
        if (fd < 0) {
            int number = Libc.errno(errno);
            arena.close();
            throw new SystemCallException("open", shown(path), number);
        }
    }

    /**
     * Opens the file {@code path} for reading; neither follows a symbolic link at its end nor waits for a FIFO's writer.
     *
     * @throws SystemCallException if {@code open(2)} fails
     */
    public static OpenFile reading(byte[] path) throws SystemCallException {
        return new OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    }

    /** Opens a directory so that its entries can be read. */
    static OpenFile directory(byte[] path) throws SystemCallException {
        return new OpenFile(path, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
    }

    /**
     * Reads what comes next into {@code target}, as much as one {@code read(2)} gives.
     *
     * @return the number of bytes read, 0 at the end of the file
     * @throws SystemCallException if {@code read(2)} fails
     */
    public long read(MemorySegment target) throws SystemCallException {
        long count;
        try {
            count = (long) READ.invokeExact(errno, descriptor(), target, target.byteSize());
        } catch (Throwable failure) {
            throw Libc.unexpected("read", failure);
        }
        if (count < 0) {
            throw new SystemCallException("read", shown(path), Libc.errno(errno));
        }
        return count;
    }

    /** The file descriptor, for the calls of this package. */
    int descriptor() {
        if (closed) {
            throw new IllegalStateException("closed: " + shown(path));
        }
        return fd;
    }

    /** Closes the descriptor; nothing was written through it, so {@code close(2)} has no error that matters. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            int _ = (int) CLOSE.invokeExact(fd);
        } catch (Throwable failure) {
            throw Libc.unexpected("close", failure);
        } finally {
            arena.close();
        }
    }

    /** A path for a message: each byte that is not printable ASCII is written as {@code \xHH}. */
    static String shown(byte[] path) {
        StringBuilder text = new StringBuilder(path.length);
        for (char c : new String(path, StandardCharsets.ISO_8859_1).toCharArray()) {
            if (c >= ' ' && c < 0x7f && c != '\\') {
                text.append(c);
            } else {
                text.append(String.format("\\x%02x", (int) c));
            }
        }
        return text.toString();
    }
}
