package io.lamina.linux;

import java.lang.foreign.Arena;
import java.nio.file.Path;

/** Opens a file of data by its path, to be handed over to another process or read by descriptor ({@code open(2)}). */
public final class DataFile {
    // asm-generic/fcntl.h, the same on x86_64 and aarch64
    private static final int O_RDONLY = 0;
    private static final int O_RDWR = 2;

    /** A FIFO is not waited for; a file on a disk and a block device do not heed it. */
    private static final int O_NONBLOCK = 04000;

    /** Reads leave no trace in the inode, which costs a small read some percent of its time; for the file's owner. */
    private static final int O_NOATIME = 01000000;

    /** {@code linux/fs.h}. */
    private static final int SEEK_END = 2;

    private DataFile() {}

    /**
     * Opens an existing file for reading.
     *
     * @param path may be {@code /proc/self/fd/N}, which opens the file of that descriptor anew
     */
    public static OwnedFd openForReading(Path path) throws SystemCallException {
        try {
            return open(path, O_RDONLY | O_NONBLOCK | O_NOATIME);
        } catch (SystemCallException failure) {
            if (failure.errno() != Errno.EPERM) {
                throw failure;
            }
            return open(path, O_RDONLY | O_NONBLOCK);
        }
    }

    /** Opens an existing file for reading and writing. */
    public static OwnedFd openForWriting(Path path) throws SystemCallException {
        return open(path, O_RDWR);
    }

    /** How long a regular file or a block device is; moves the position that calls without one of their own start at. */
    public static long lengthBytes(OwnedFd fd) throws SystemCallException {
        return SystemCall.LSEEK.call(fd.toString(), fd.number(), 0, SEEK_END);
    }

    private static OwnedFd open(Path path, int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long name = SystemCall.string(arena, path.toString());
            return new OwnedFd((int)
                    SystemCall.OPENAT.call(path.toString(), SystemCall.AT_FDCWD, name, flags | SystemCall.O_CLOEXEC));
        }
    }
}
