package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

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
 * @see <a href="https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/stat.h">linux/stat.h, struct statx</a>
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

    private static final int AT_SYMLINK_NOFOLLOW = 0x100;

    /** STATX_TYPE, MODE, NLINK, UID, GID, MTIME, INO and SIZE: what is asked for, and has to be answered. */
    private static final int STATX_OURS = 0x35f;

    // Offsets in struct statx.
    private static final long STRUCT_BYTES = 256;
    private static final long MASK = 0;
    private static final long NLINK = 16;
    private static final long UID = 20;
    private static final long GID = 24;
    private static final long MODE = 28;
    private static final long INO = 32;
    private static final long SIZE = 40;
    private static final long MTIME_SECONDS = 112;
    private static final long MTIME_NANOSECONDS = 120;
    private static final long RDEV_MAJOR = 128;
    private static final long RDEV_MINOR = 132;
    private static final long DEV_MAJOR = 136;
    private static final long DEV_MINOR = 140;

    private static final MethodHandle STATX = Libc.errnoHandle(
            "statx",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS));

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
            MemorySegment errno = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment name = Libc.cString(arena, path);
            MemorySegment statx = arena.allocate(STRUCT_BYTES, Long.BYTES);
            int result =
                    (int) STATX.invokeExact(errno, OpenFile.AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, STATX_OURS, statx);
            if (result != 0) {
                throw new SystemCallException("statx", OpenFile.shown(path), Libc.errno(errno));
            }
            return read(statx, path);
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("statx", failure);
        }
    }

    private static FileStatus read(MemorySegment statx, byte[] path) throws SystemCallException {
        if ((statx.get(ValueLayout.JAVA_INT, MASK) & STATX_OURS) != STATX_OURS) {
            // A file system that cannot answer for one of these fields; none of Linux's own.
            throw new SystemCallException("statx", OpenFile.shown(path), Errno.EOPNOTSUPP);
        }
        return new FileStatus(
                Short.toUnsignedInt(statx.get(ValueLayout.JAVA_SHORT, MODE)),
                Integer.toUnsignedLong(statx.get(ValueLayout.JAVA_INT, UID)),
                Integer.toUnsignedLong(statx.get(ValueLayout.JAVA_INT, GID)),
                statx.get(ValueLayout.JAVA_LONG, SIZE),
                Integer.toUnsignedLong(statx.get(ValueLayout.JAVA_INT, NLINK)),
                statx.get(ValueLayout.JAVA_LONG, INO),
                new DeviceNumber(
                        statx.get(ValueLayout.JAVA_INT, DEV_MAJOR), statx.get(ValueLayout.JAVA_INT, DEV_MINOR)),
                new DeviceNumber(
                        statx.get(ValueLayout.JAVA_INT, RDEV_MAJOR), statx.get(ValueLayout.JAVA_INT, RDEV_MINOR)),
                new Timestamp(
                        statx.get(ValueLayout.JAVA_LONG, MTIME_SECONDS),
                        statx.get(ValueLayout.JAVA_INT, MTIME_NANOSECONDS)));
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
