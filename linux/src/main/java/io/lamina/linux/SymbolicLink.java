package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What a symbolic link holds, as raw bytes ({@code readlink(2)}). */
public final class SymbolicLink {
    /** The kernel's limit for a path with its NUL ({@code linux/limits.h}); a link's target is shorter. */
    private static final long PATH_MAX = 4096;

    private SymbolicLink() {}

    /**
     * The target that the symbolic link {@code path} holds, 1 to 4,095 bytes.
     *
     * @throws SystemCallException if {@code readlink(2)} fails, for instance with {@link Errno#EINVAL} on another type
     */
    public static byte[] target(byte[] path) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(PATH_MAX);
            long length = SystemCall.READLINKAT.call(
                    OpenFile.shown(path),
                    SystemCall.AT_FDCWD,
                    SystemCall.bytes(arena, path),
                    target.address(),
                    PATH_MAX);
            return target.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        }
    }
}
