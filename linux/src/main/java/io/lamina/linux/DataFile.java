package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Opens a file of data by its path, to be handed over to another process or read by descriptor ({@code open(2)}). */
public final class DataFile {
    /** Flags of {@code asm-generic/fcntl.h}, the same on x86_64 and aarch64. */
    private static final int O_RDONLY = 0;

    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;

    private static final MethodHandle OPEN = Libc.variadicErrnoHandle(
            "open", 2, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    private DataFile() {}

    /** Opens an existing file for reading. */
    public static OwnedFd openForReading(Path path) throws SystemCallException {
        return open(path, O_RDONLY);
    }

    /** Opens an existing file for reading and writing. */
    public static OwnedFd openForWriting(Path path) throws SystemCallException {
        return open(path, O_RDWR);
    }

    private static OwnedFd open(Path path, int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment name = Libc.cString(arena, path.toString().getBytes(StandardCharsets.UTF_8));
            int number = (int) OPEN.invokeExact(state, name, flags | O_CLOEXEC);
            if (number < 0) {
                throw new SystemCallException("open", path.toString(), Libc.errno(state));
            }
            return new OwnedFd(number);
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("open", failure);
        }
    }
}
