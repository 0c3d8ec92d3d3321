package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Extended attributes of a name, which is never followed if it is a symbolic link ({@code xattr(7)}). Names and values
 * are raw bytes.
 */
public final class ExtendedAttributes {
    /** The kernel's limit for one value and for one list ({@code XATTR_SIZE_MAX}, {@code XATTR_LIST_MAX}), in bytes. */
    public static final int MAX_BYTES = 64 << 10;

    /** Enough for nearly every list and value; a longer one costs a second call. */
    private static final int USUAL_BYTES = 1024;

    private ExtendedAttributes() {}

    /**
     * The names that {@code path} has, with their prefixes, in the file system's order.
     *
     * @throws SystemCallException if {@code llistxattr(2)} fails
     */
    public static List<byte[]> names(byte[] path) throws SystemCallException {
        byte[] list = sized(
                path,
                (file, buffer) ->
                        SystemCall.LLISTXATTR.call(OpenFile.shown(path), file, buffer.address(), buffer.byteSize()));
        List<byte[]> names = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < list.length; i++) {
            if (list[i] == 0) {
                names.add(Arrays.copyOfRange(list, start, i));
                start = i + 1;
            }
        }
        return names;
    }

    /**
     * The value of the attribute {@code name}.
     *
     * @throws SystemCallException if {@code lgetxattr(2)} fails; {@link Errno#ENODATA} when there is no such attribute
     */
    public static byte[] value(byte[] path, byte[] name) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long attribute = SystemCall.bytes(arena, name);
            String subject = OpenFile.shown(name) + " of " + OpenFile.shown(path);
            return sized(
                    path,
                    (file, buffer) ->
                            SystemCall.LGETXATTR.call(subject, file, attribute, buffer.address(), buffer.byteSize()));
        }
    }

    /**
     * Creates or replaces the attribute {@code name}.
     *
     * @throws SystemCallException if {@code lsetxattr(2)} fails
     */
    public static void set(byte[] path, byte[] name, byte[] value) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Math.max(1, value.length));
            MemorySegment.copy(value, 0, bytes, ValueLayout.JAVA_BYTE, 0, value.length);
            long _ = SystemCall.LSETXATTR.call(
                    OpenFile.shown(name) + " of " + OpenFile.shown(path),
                    SystemCall.bytes(arena, path),
                    SystemCall.bytes(arena, name),
                    bytes.address(),
                    value.length);
        }
    }

    /** A call that fills a buffer and fails with {@code ERANGE} when it is too small. */
    private interface FillingCall {
        long fill(long path, MemorySegment buffer) throws SystemCallException;
    }

    private static byte[] sized(byte[] path, FillingCall call) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long file = SystemCall.bytes(arena, path);
            try {
                return filled(call, file, arena.allocate(USUAL_BYTES));
            } catch (SystemCallException failure) {
                if (failure.errno() != Errno.ERANGE) {
                    throw failure;
                }
                return filled(call, file, arena.allocate(MAX_BYTES));
            }
        }
    }

    private static byte[] filled(FillingCall call, long file, MemorySegment buffer) throws SystemCallException {
        return buffer.asSlice(0, call.fill(file, buffer)).toArray(ValueLayout.JAVA_BYTE);
    }
}
