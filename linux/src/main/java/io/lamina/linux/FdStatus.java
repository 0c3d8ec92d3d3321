package io.lamina.linux;

import java.lang.foreign.Arena;

/**
 * What an open file is, asked of its descriptor.
 *
 * @param mode type and permission bits of {@code inode(7)}
 * @param sizeBytes the file's length
 * @param allocatedBytes what the file takes of its file system; less than the length where it has holes
 * @param blockBytes the preferred block size; the page size of a file on hugetlbfs
 */
public record FdStatus(int mode, long sizeBytes, long allocatedBytes, int blockBytes) {
    private static final int ALLOCATION_UNIT_BYTES = 512;
    private static final int ASKED = Statx.STATX_TYPE | Statx.STATX_MODE | Statx.STATX_SIZE | Statx.STATX_BLOCKS;

    /** Asks the kernel ({@code statx(2)}). */
    public static FdStatus of(OwnedFd fd) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            Statx answer = Statx.call(arena, fd.toString(), fd.number(), new byte[0], Statx.AT_EMPTY_PATH, ASKED);
            return new FdStatus(
                    answer.mode(),
                    answer.i64(Statx.SIZE),
                    answer.i64(Statx.BLOCKS) * ALLOCATION_UNIT_BYTES,
                    answer.i32(Statx.BLKSIZE));
        }
    }

    /** A regular file, in memory or on a disk. */
    public boolean isRegularFile() {
        return (mode & FileStatus.S_IFMT) == FileStatus.S_IFREG;
    }

    /** A block device, whose length is not in {@link #sizeBytes}. */
    public boolean isBlockDevice() {
        return (mode & FileStatus.S_IFMT) == FileStatus.S_IFBLK;
    }

    /** A pipe or FIFO. */
    public boolean isPipe() {
        return (mode & FileStatus.S_IFMT) == FileStatus.S_IFIFO;
    }

    /** An object of the kernel without a file system, such as an eventfd: it has no file type. */
    public boolean isAnonymousInode() {
        return (mode & FileStatus.S_IFMT) == 0;
    }
}
