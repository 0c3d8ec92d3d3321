package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * What an open file is, asked of its descriptor.
 *
 * @param mode type and permission bits of {@code inode(7)}
 * @param sizeBytes the file's length
 * @param allocatedBytes what the file takes of its file system; less than the length where it has holes
 * @param blockBytes the preferred block size; the page size of a file on hugetlbfs
 */
public record FdStatus(int mode, long sizeBytes, long allocatedBytes, int blockBytes) {
    private static final int S_IFMT = 0xf000;
    private static final int S_IFREG = 0x8000;
    private static final int S_IFBLK = 0x6000;
    private static final int S_IFIFO = 0x1000;

    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_BASIC_STATS = 0x7ff;

    /** Offsets in {@code struct statx}, {@code linux/stat.h}; the structure is the same on every architecture. */
    private static final long STX_BLKSIZE = 4;

    private static final long STX_MODE = 28;
    private static final long STX_SIZE = 40;
    private static final long STX_BLOCKS = 48;
    private static final long STATX_BYTES = 256;
    private static final int ALLOCATION_UNIT_BYTES = 512;

    private static final MethodHandle STATX = Libc.errnoHandle(
            "statx",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS));

    /** Asks the kernel ({@code statx(2)}). */
    public static FdStatus of(OwnedFd fd) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment emptyPath = arena.allocate(1);
            MemorySegment answer = arena.allocate(STATX_BYTES, 8);
            int result =
                    (int) STATX.invokeExact(state, fd.number(), emptyPath, AT_EMPTY_PATH, STATX_BASIC_STATS, answer);
            if (result < 0) {
                throw new SystemCallException("statx", fd.toString(), Libc.errno(state));
            }
            return new FdStatus(
                    Short.toUnsignedInt(answer.get(ValueLayout.JAVA_SHORT, STX_MODE)),
                    answer.get(ValueLayout.JAVA_LONG, STX_SIZE),
                    answer.get(ValueLayout.JAVA_LONG, STX_BLOCKS) * ALLOCATION_UNIT_BYTES,
                    answer.get(ValueLayout.JAVA_INT, STX_BLKSIZE));
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("statx", failure);
        }
    }

    /** A regular file, in memory or on a disk. */
    public boolean isRegularFile() {
        return (mode & S_IFMT) == S_IFREG;
    }

    /** A block device, whose length is not in {@link #sizeBytes}. */
    public boolean isBlockDevice() {
        return (mode & S_IFMT) == S_IFBLK;
    }

    /** A pipe or FIFO. */
    public boolean isPipe() {
        return (mode & S_IFMT) == S_IFIFO;
    }

    /** An object of the kernel without a file system, such as an eventfd: it has no file type. */
    public boolean isAnonymousInode() {
        return (mode & S_IFMT) == 0;
    }
}
