package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A file opened for reading by the raw bytes of its path, which {@link java.nio.file.Path} cannot name when they are
 * not text in the platform's encoding. For use by one thread.
 */
public final class OpenFile implements AutoCloseable {
    // asm-generic/fcntl.h; the two that aarch64 numbers differently are chosen by architecture.
    private static final boolean AARCH64 = System.getProperty("os.arch").equals("aarch64");
    private static final int O_RDONLY = 0;
    private static final int O_NONBLOCK = 04000;
    private static final int O_DIRECTORY = AARCH64 ? 040000 : 0200000;
    private static final int O_NOFOLLOW = AARCH64 ? 0100000 : 0400000;

    private final byte[] path;
    private final OwnedFd fd;

    private OpenFile(byte[] path, int flags) throws SystemCallException {
        this.path = path.clone();
        try (Arena arena = Arena.ofConfined()) {
            this.fd = new OwnedFd((int) SystemCall.OPENAT.call(
                    shown(path), SystemCall.AT_FDCWD, SystemCall.bytes(arena, path), flags | SystemCall.O_CLOEXEC));
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

    /**
     * Opens a directory so that its entries can be read, and reached through {@link #child}; a symbolic link is refused.
     *
     * @throws SystemCallException if {@code open(2)} fails
     */
    public static OpenFile directory(byte[] path) throws SystemCallException {
        return new OpenFile(path, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
    }

    /**
     * Reads what comes next into the native {@code target}, as much as one {@code read(2)} gives.
     *
     * @return the number of bytes read, 0 at the end of the file
     * @throws SystemCallException if {@code read(2)} fails
     */
    public long read(MemorySegment target) throws SystemCallException {
        return SystemCall.READ.call(shown(path), fd.number(), target.address(), target.byteSize());
    }

    /**
     * A path of {@code name} in this directory, good while this is open, that leads there whatever the directory is
     * called by now.
     */
    public byte[] child(byte[] name) {
        byte[] directory = ("/proc/self/fd/" + fd.number() + "/").getBytes(StandardCharsets.US_ASCII);
        byte[] path = Arrays.copyOf(directory, directory.length + name.length);
        System.arraycopy(name, 0, path, directory.length, name.length);
        return path;
    }

    /** The file descriptor, for the calls of this package. */
    int descriptor() {
        return fd.number();
    }

    @Override
    public void close() {
        fd.close();
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
