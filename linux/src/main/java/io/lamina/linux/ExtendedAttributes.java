package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
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

    private static final MethodHandle LLISTXATTR = Libc.errnoHandle(
            "llistxattr",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
    private static final MethodHandle LGETXATTR = Libc.errnoHandle(
            "lgetxattr",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG));
    private static final MethodHandle LSETXATTR = Libc.errnoHandle(
            "lsetxattr",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT));

    private ExtendedAttributes() {}

    /**
     * The names that {@code path} has, with their prefixes, in the file system's order.
     *
     * @throws SystemCallException if {@code llistxattr(2)} fails
     */
    public static List<byte[]> names(byte[] path) throws SystemCallException {
        byte[] list = sized("llistxattr", path, (errno, file, buffer) ->
                (long) LLISTXATTR.invokeExact(errno, file, buffer, buffer.byteSize()));
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
            MemorySegment attribute = Libc.cString(arena, name);
            return sized("lgetxattr " + OpenFile.shown(name) + " of", path, (errno, file, buffer) ->
                    (long) LGETXATTR.invokeExact(errno, file, attribute, buffer, buffer.byteSize()));
        }
    }

    /**
     * Creates or replaces the attribute {@code name}.
     *
     * @throws SystemCallException if {@code lsetxattr(2)} fails
     */
    public static void set(byte[] path, byte[] name, byte[] value) throws SystemCallException {
        int result;
        int number;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment bytes = arena.allocate(Math.max(1, value.length));
            MemorySegment.copy(value, 0, bytes, ValueLayout.JAVA_BYTE, 0, value.length);
            result = (int) LSETXATTR.invokeExact(
                    errno, Libc.cString(arena, path), Libc.cString(arena, name), bytes, (long) value.length, 0);
            number = Libc.errno(errno);
        } catch (IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("lsetxattr", failure);
        }
        if (result != 0) {
            throw new SystemCallException("lsetxattr " + OpenFile.shown(name) + " of", OpenFile.shown(path), number);
        }
    }

    /** A call that fills a buffer and answers {@code ERANGE} when it is too small. */
    private interface FillingCall {
        long fill(MemorySegment errno, MemorySegment path, MemorySegment buffer) throws Throwable;
    }

    private static byte[] sized(String call, byte[] path, FillingCall filling) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment file = Libc.cString(arena, path);
            MemorySegment buffer = arena.allocate(USUAL_BYTES);
            long length = fill(call, filling, errno, file, buffer);
            if (length < 0 && Libc.errno(errno) == Errno.ERANGE) {
                buffer = arena.allocate(MAX_BYTES);
                length = fill(call, filling, errno, file, buffer);
            }
            if (length < 0) {
                throw new SystemCallException(call, OpenFile.shown(path), Libc.errno(errno));
            }
            return buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static long fill(
            String call, FillingCall filling, MemorySegment errno, MemorySegment file, MemorySegment buffer) {
        try {
            return filling.fill(errno, file, buffer);
        } catch (Throwable failure) {
            throw Libc.unexpected(call, failure);
        }
    }
}
