package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/**
 * Memory that is a file without a name ({@code memfd_create(2)}), and the seals that fix its size
 * ({@code F_ADD_SEALS} of {@code fcntl(2)}, {@code linux/fcntl.h}).
 */
public final class Memfd {
    /** No further seals. */
    public static final int F_SEAL_SEAL = 0x1;
    /** The file cannot become smaller: a mapping of it keeps its pages. */
    public static final int F_SEAL_SHRINK = 0x2;
    /** The file cannot become larger. */
    public static final int F_SEAL_GROW = 0x4;

    public static final int F_SEAL_WRITE = 0x8;

    private static final int F_ADD_SEALS = 1033;
    private static final int F_GET_SEALS = 1034;
    private static final int MFD_CLOEXEC = 0x1;
    private static final int MFD_ALLOW_SEALING = 0x2;

    private static final MethodHandle MEMFD_CREATE = Libc.errnoHandle(
            "memfd_create", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    private static final MethodHandle FTRUNCATE = Libc.errnoHandle(
            "ftruncate", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));

    private Memfd() {}

    /**
     * A new file of {@code sizeBytes} zeroes that takes seals.
     *
     * @param name shown in {@code /proc/PID/fd}, of no other meaning
     */
    public static OwnedFd create(String name, long sizeBytes) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment label = Libc.cString(arena, name.getBytes(StandardCharsets.UTF_8));
            int number = (int) MEMFD_CREATE.invokeExact(state, label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
            if (number < 0) {
                throw new SystemCallException("memfd_create", name, Libc.errno(state));
            }
            OwnedFd fd = new OwnedFd(number);
            try {
                resize(fd, sizeBytes);
            } catch (SystemCallException failure) {
                fd.close();
                throw failure;
            }
            return fd;
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("memfd_create", failure);
        }
    }

    /** Makes the file {@code sizeBytes} long ({@code ftruncate(2)}). */
    public static void resize(OwnedFd fd, long sizeBytes) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int result = (int) FTRUNCATE.invokeExact(state, fd.number(), sizeBytes);
            if (result < 0) {
                throw new SystemCallException("ftruncate", fd.toString(), Libc.errno(state));
            }
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("ftruncate", failure);
        }
    }

    /** Adds seals, a sum of {@code F_SEAL_} constants. */
    public static void seal(OwnedFd fd, int seals) throws SystemCallException {
        OwnedFd.fcntl(fd.number(), F_ADD_SEALS, seals);
    }

    /** The seals of a file in memory; none for a file of another kind, which can have none. */
    public static int seals(OwnedFd fd) {
        try {
            return OwnedFd.fcntl(fd.number(), F_GET_SEALS, 0);
        } catch (SystemCallException notInMemory) {
            return 0;
        }
    }
}
