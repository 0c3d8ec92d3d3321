package io.lamina.linux;

import java.lang.foreign.Arena;

/**
 * What {@code statx(2)} says of a name, which is never followed if it is a symbolic link.
 *
 * @param mode type and permission bits, {@code st_mode} of {@code stat(2)}
 * @param uid owner, unsigned 32 bits
 * @param gid group, unsigned 32 bits
 * @param sizeBytes {@code st_size}; what it means for a directory is the file system's affair
 * @param linkCount {@code st_nlink}, unsigned 32 bits
 * @param inode {@code st_ino}; unique within {@link #device}
 * @param device the file system's device number
 * @param specialDevice the device that a character or block special file stands for, 0:0 for other types
 * @param modified {@code st_mtim}
 */
public record FileStatus(
        int mode,
        long uid,
        long gid,
        long sizeBytes,
        long linkCount,
        long inode,
        DeviceNumber device,
        DeviceNumber specialDevice,
        Timestamp modified) {

    /** The bits of {@link #mode} that hold the type. */
    public static final int S_IFMT = 0170000;

    public static final int S_IFIFO = 0010000;
    public static final int S_IFCHR = 0020000;
    public static final int S_IFDIR = 0040000;
    public static final int S_IFBLK = 0060000;
    public static final int S_IFREG = 0100000;
    public static final int S_IFLNK = 0120000;
    public static final int S_IFSOCK = 0140000;

    private static final int ASKED = Statx.STATX_TYPE
            | Statx.STATX_MODE
            | Statx.STATX_NLINK
            | Statx.STATX_UID
            | Statx.STATX_GID
            | Statx.STATX_MTIME
            | Statx.STATX_INO
            | Statx.STATX_SIZE;

    /**
     * A device number in its two parts, each an unsigned 32-bit number of which Linux uses 12 and 20 bits.
     *
     * @param major the driver
     * @param minor the driver's own number
     */
    public record DeviceNumber(int major, int minor) {
        @Override
        public String toString() {
            return Integer.toUnsignedString(major) + ":" + Integer.toUnsignedString(minor);
        }
    }

    /**
     * A point in time as file systems keep it.
     *
     * @param seconds since 1970-01-01T00:00:00Z, negative before
     * @param nanoseconds 0 to 999,999,999, always counted forward from {@link #seconds}
     */
    public record Timestamp(long seconds, int nanoseconds) {
        @Override
        public String toString() {
            return String.format("%d+%09dns", seconds, nanoseconds);
        }
    }

    /**
     * Asks for the status of {@code path}, whose bytes are taken as they are.
     *
     * @throws SystemCallException if {@code statx(2)} fails
     */
    public static FileStatus of(byte[] path) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            Statx answer = Statx.call(
                    arena, OpenFile.shown(path), SystemCall.AT_FDCWD, path, Statx.AT_SYMLINK_NOFOLLOW, ASKED);
            return new FileStatus(
                    answer.mode(),
                    answer.u32(Statx.UID),
                    answer.u32(Statx.GID),
                    answer.i64(Statx.SIZE),
                    answer.u32(Statx.NLINK),
                    answer.i64(Statx.INO),
                    new DeviceNumber(answer.i32(Statx.DEV_MAJOR), answer.i32(Statx.DEV_MINOR)),
                    new DeviceNumber(answer.i32(Statx.RDEV_MAJOR), answer.i32(Statx.RDEV_MINOR)),
                    new Timestamp(answer.i64(Statx.MTIME_SECONDS), answer.i32(Statx.MTIME_NANOSECONDS)));
        }
    }

    /** The type bits of {@link #mode}, one of the {@code S_IF} constants. */
    public int type() {
        return mode & S_IFMT;
    }

    /** The twelve permission bits of {@link #mode}, set-user-id, set-group-id and sticky among them. */
    public int permissions() {
        return mode & ~S_IFMT;
    }

    /** Whether the name is a directory. */
    public boolean isDirectory() {
        return type() == S_IFDIR;
    }
}
