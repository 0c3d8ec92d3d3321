package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** What a symbolic link holds, as raw bytes ({@code readlink(2)}). */
public final class SymbolicLink {
    /** The kernel's limit for a path with its NUL ({@code linux/limits.h}); a link's target is shorter. */
    private static final long PATH_MAX = 4096;

    private static final MethodHandle READLINK = Libc.errnoHandle(
            "readlink",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));

    private SymbolicLink() {}

    /**
     * The target that the symbolic link {@code path} holds, 1 to 4,095 bytes.
     *
     * @throws SystemCallException if {@code readlink(2)} fails, for instance with {@link Errno#EINVAL} on another type
     */
    public static byte[] target(byte[] path) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment name = Libc.cString(arena, path);
            MemorySegment target = arena.allocate(PATH_MAX);
            long length = (long) READLINK.invokeExact(errno, name, target, PATH_MAX);
            if (length < 0) {
                throw new SystemCallException("readlink", OpenFile.shown(path), Libc.errno(errno));
            }
            return target.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("readlink", failure);
        }
    }
}
