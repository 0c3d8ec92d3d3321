package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Files in memory mapped by descriptor ({@code mmap(2)}): guest memory and what is shared with a monitor. Never blobs. */
public final class MemoryMap {
    private static final int PROT_READ = 1;
    private static final int PROT_WRITE = 2;
    private static final int MAP_SHARED = 1;
    private static final long MAP_FAILED = -1;
    private static final int MADV_DONTDUMP = 16;

    private static final MethodHandle MMAP = Libc.errnoHandle(
            "mmap",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_INT,
                    ValueLayout.JAVA_LONG));
    private static final MethodHandle MUNMAP = Libc.handle(
            "munmap", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle MADVISE = Libc.handle(
            "madvise",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

    private MemoryMap() {}

    /**
     * Maps a part of a file for reading and writing, shared with everybody else who maps it, left out of core dumps.
     * The mapping goes when the arena closes.
     *
     * @param offsetBytes a multiple of the file's page size
     * @param lengthBytes above 0
     */
    @SuppressWarnings("restricted") // the kernel has just mapped this length at this address
    public static MemorySegment shared(OwnedFd fd, long offsetBytes, long lengthBytes, Arena arena)
            throws SystemCallException {
        long address = map(fd, offsetBytes, lengthBytes);
        try {
            int ignored = (int) MADVISE.invokeExact(address, lengthBytes, MADV_DONTDUMP);
        } catch (Throwable failure) {
            throw Libc.unexpected("madvise", failure);
        }
        return MemorySegment.ofAddress(address).reinterpret(lengthBytes, arena, MemoryMap::unmap);
    }

    private static long map(OwnedFd fd, long offsetBytes, long lengthBytes) throws SystemCallException {
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment state = scratch.allocate(Libc.ERRNO_STATE);
            long address = (long) MMAP.invokeExact(
                    state, 0L, lengthBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.number(), offsetBytes);
            if (address == MAP_FAILED) {
                throw new SystemCallException("mmap", fd.toString(), Libc.errno(state));
            }
            return address;
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("mmap", failure);
        }
    }

    private static void unmap(MemorySegment mapping) {
        try {
            int ignored = (int) MUNMAP.invokeExact(mapping.address(), mapping.byteSize());
        } catch (Throwable failure) {
            throw Libc.unexpected("munmap", failure);
        }
    }
}
