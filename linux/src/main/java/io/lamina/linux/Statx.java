package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One answer of {@code statx(2)}; the structure is the same on every architecture.
 *
 * @see <a href="https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/stat.h">linux/stat.h, struct statx</a>
 */
final class Statx {
    /** Asks for the descriptor itself, with an empty path. */
    static final int AT_EMPTY_PATH = 0x1000;

    static final int AT_SYMLINK_NOFOLLOW = 0x100;

    // Flags of what is asked for.
    static final int STATX_TYPE = 0x1;
    static final int STATX_MODE = 0x2;
    static final int STATX_NLINK = 0x4;
    static final int STATX_UID = 0x8;
    static final int STATX_GID = 0x10;
    static final int STATX_MTIME = 0x40;
    static final int STATX_INO = 0x100;
    static final int STATX_SIZE = 0x200;
    static final int STATX_BLOCKS = 0x400;

    // Offsets of the fields, named after them.
    static final long BLKSIZE = 4;
    static final long NLINK = 16;
    static final long UID = 20;
    static final long GID = 24;
    static final long INO = 32;
    static final long SIZE = 40;
    static final long BLOCKS = 48;
    static final long MTIME_SECONDS = 112;
    static final long MTIME_NANOSECONDS = 120;
    static final long RDEV_MAJOR = 128;
    static final long RDEV_MINOR = 132;
    static final long DEV_MAJOR = 136;
    static final long DEV_MINOR = 140;

    private static final long MASK = 0;
    private static final long MODE = 28;
    private static final long STRUCT_BYTES = 256;

    private final MemorySegment answer;

    private Statx(MemorySegment answer) {
        this.answer = answer;
    }

    /**
     * Makes the call.
     *
     * @param arena holds the answer
     * @param subject what it is about, for messages
     * @param directory a descriptor, or {@link SystemCall#AT_FDCWD}
     * @param path its raw bytes
     * @param flags a sum of {@code AT_} constants
     * @param mask a sum of {@code STATX_} constants, all of which are answered
     * @throws SystemCallException if the call fails, or the file system cannot say all that was asked for
     */
    static Statx call(Arena arena, String subject, long directory, byte[] path, int flags, int mask)
            throws SystemCallException {
        MemorySegment answer = arena.allocate(STRUCT_BYTES, Long.BYTES);
        long _ =
                SystemCall.STATX.call(subject, directory, SystemCall.bytes(arena, path), flags, mask, answer.address());
        if ((answer.get(ValueLayout.JAVA_INT, MASK) & mask) != mask) {
            throw new SystemCallException("statx", subject, Errno.EOPNOTSUPP);
        }
        return new Statx(answer);
    }

    int mode() {
        return Short.toUnsignedInt(answer.get(ValueLayout.JAVA_SHORT, MODE));
    }

    int i32(long offset) {
        return answer.get(ValueLayout.JAVA_INT, offset);
    }

    long u32(long offset) {
        return Integer.toUnsignedLong(i32(offset));
    }

    long i64(long offset) {
        return answer.get(ValueLayout.JAVA_LONG, offset);
    }
}
