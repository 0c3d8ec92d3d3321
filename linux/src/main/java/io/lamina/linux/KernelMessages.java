package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/** The kernel's log ({@code syslog(2)}, which the C library calls {@code klogctl}). */
public final class KernelMessages {
    // include/linux/syslog.h
    private static final int SYSLOG_ACTION_READ_ALL = 3;
    private static final int SYSLOG_ACTION_SIZE_BUFFER = 10;

    private static final MethodHandle KLOGCTL = Libc.errnoHandle(
            "klogctl",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    private KernelMessages() {}

    /** What the log still holds, a line per message; it is not emptied. Bytes beyond ASCII are taken as ISO 8859-1. */
    public static String readAll() throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            int sizeBytes = call(arena, SYSLOG_ACTION_SIZE_BUFFER, MemorySegment.NULL);
            MemorySegment text = arena.allocate(sizeBytes);
            int length = call(arena, SYSLOG_ACTION_READ_ALL, text);
            return new String(text.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
        }
    }

    private static int call(Arena arena, int action, MemorySegment buffer) throws SystemCallException {
        try {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int result = (int) KLOGCTL.invokeExact(state, action, buffer, (int) buffer.byteSize());
            if (result < 0) {
                throw new SystemCallException("syslog", "", Libc.errno(state));
            }
            return result;
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("klogctl", failure);
        }
    }
}
