package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Reads and writes of a file at a position, into and out of raw memory: {@code preadv2(2)}, {@code pwritev2(2)} and
 * what goes with writing. A call answers a negated error number instead of throwing, and allocates nothing: these are
 * the calls of data paths. An object serves one thread at a time.
 */
public final class PositionedIo {
    /** The call answers {@code -EAGAIN} where it would wait for a disk ({@code linux/fs.h}). */
    public static final int RWF_NOWAIT = 0x8;

    /** {@code fallocate(2)}: the file keeps its length ({@code linux/falloc.h}). */
    public static final int FALLOC_FL_KEEP_SIZE = 0x1;
    /** {@code fallocate(2)}: the range becomes a hole that reads as zeroes. */
    public static final int FALLOC_FL_PUNCH_HOLE = 0x2;

    private static final FunctionDescriptor VECTORED = FunctionDescriptor.of(
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT,
            ValueLayout.ADDRESS,
            ValueLayout.JAVA_INT,
            ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_INT);
    private static final MethodHandle PREADV2 = Libc.errnoHandle("preadv2", VECTORED);
    private static final MethodHandle PWRITEV2 = Libc.errnoHandle("pwritev2", VECTORED);
    private static final MethodHandle FDATASYNC =
            Libc.errnoHandle("fdatasync", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle FALLOCATE = Libc.errnoHandle(
            "fallocate",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG));

    private final MemorySegment state = Arena.ofAuto().allocate(Libc.ERRNO_STATE);

    /**
     * Fills the vectors from the file.
     *
     * @param flags 0 or {@link #RWF_NOWAIT}
     * @return bytes read, 0 at the end of the file, or a negated error number
     */
    public long preadv2(OwnedFd fd, IoVectors vectors, long offsetBytes, int flags) {
        try {
            long bytes = (long)
                    PREADV2.invokeExact(state, fd.number(), vectors.segment(), vectors.count(), offsetBytes, flags);
            return bytes >= 0 ? bytes : -Libc.errno(state);
        } catch (Throwable failure) {
            throw Libc.unexpected("preadv2", failure);
        }
    }

    /**
     * Writes the vectors into the file.
     *
     * @param flags 0 or {@link #RWF_NOWAIT}
     * @return bytes written or a negated error number
     */
    public long pwritev2(OwnedFd fd, IoVectors vectors, long offsetBytes, int flags) {
        try {
            long bytes = (long)
                    PWRITEV2.invokeExact(state, fd.number(), vectors.segment(), vectors.count(), offsetBytes, flags);
            return bytes >= 0 ? bytes : -Libc.errno(state);
        } catch (Throwable failure) {
            throw Libc.unexpected("pwritev2", failure);
        }
    }

    /** Waits until the file's data is on its disk; answers 0 or a negated error number. */
    public int fdatasync(OwnedFd fd) {
        try {
            int result = (int) FDATASYNC.invokeExact(state, fd.number());
            return result >= 0 ? 0 : -Libc.errno(state);
        } catch (Throwable failure) {
            throw Libc.unexpected("fdatasync", failure);
        }
    }

    /** Changes how a range of the file is stored, by a sum of {@code FALLOC_FL_} constants; 0 or a negated error number. */
    public int fallocate(OwnedFd fd, int mode, long offsetBytes, long lengthBytes) {
        try {
            int result = (int) FALLOCATE.invokeExact(state, fd.number(), mode, offsetBytes, lengthBytes);
            return result >= 0 ? 0 : -Libc.errno(state);
        } catch (Throwable failure) {
            throw Libc.unexpected("fallocate", failure);
        }
    }
}
