package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** The kernel's log ({@code syslog(2)}). */
public final class KernelMessages {
    // include/linux/syslog.h
    private static final int SYSLOG_ACTION_READ_ALL = 3;
    private static final int SYSLOG_ACTION_SIZE_BUFFER = 10;

    private KernelMessages() {}

    /** What the log still holds, a line per message; it is not emptied. Bytes beyond ASCII are taken as ISO 8859-1. */
    public static String readAll() throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long sizeBytes = SystemCall.SYSLOG.call("", SYSLOG_ACTION_SIZE_BUFFER);
            MemorySegment text = arena.allocate(sizeBytes);
            long length = SystemCall.SYSLOG.call("", SYSLOG_ACTION_READ_ALL, text.address(), sizeBytes);
            return new String(text.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
        }
    }
}
