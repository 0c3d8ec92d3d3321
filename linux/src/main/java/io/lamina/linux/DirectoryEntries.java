package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The names in a directory as raw bytes, by {@code getdents64(2)}.
 *
 * @see <a href="https://github.com/torvalds/linux/blob/v6.12/include/linux/dirent.h">linux/dirent.h</a>
 */
public final class DirectoryEntries {
    private static final long BUFFER_BYTES = 64 << 10;

    // Offsets in struct linux_dirent64; the name is NUL-terminated and the record padded.
    private static final long RECORD_LENGTH = 16;
    private static final long NAME = 19;

    private DirectoryEntries() {}

    /**
     * The names in the directory {@code path}, without {@code .} and {@code ..}, in the file system's order.
     *
     * @throws SystemCallException if the directory cannot be opened or read
     */
    public static List<byte[]> names(byte[] path) throws SystemCallException {
        List<byte[]> names = new ArrayList<>();
        try (Arena arena = Arena.ofConfined();
                OpenFile directory = OpenFile.directory(path)) {
            MemorySegment buffer = arena.allocate(BUFFER_BYTES, Long.BYTES);
            long filled = fill(directory, path, buffer);
            while (filled > 0) {
                collect(buffer.asSlice(0, filled), names);
                filled = fill(directory, path, buffer);
            }
        }
        return names;
    }

    private static long fill(OpenFile directory, byte[] path, MemorySegment buffer) throws SystemCallException {
        return SystemCall.GETDENTS64.call(
                OpenFile.shown(path), directory.descriptor(), buffer.address(), buffer.byteSize());
    }

    private static void collect(MemorySegment records, List<byte[]> names) {
        long at = 0;
        while (at < records.byteSize()) {
            long next = at + Short.toUnsignedLong(records.get(ValueLayout.JAVA_SHORT, at + RECORD_LENGTH));
            long end = at + NAME;
            while (records.get(ValueLayout.JAVA_BYTE, end) != 0) {
                end++;
            }
            byte[] name = records.asSlice(at + NAME, end - at - NAME).toArray(ValueLayout.JAVA_BYTE);
            if (!isSelfOrParent(name)) {
                names.add(name);
            }
            at = next;
        }
    }

    private static boolean isSelfOrParent(byte[] name) {
        return name[0] == '.' && (name.length == 1 || (name.length == 2 && name[1] == '.'));
    }
}
