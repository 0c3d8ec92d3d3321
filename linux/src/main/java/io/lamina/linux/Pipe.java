package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The two ends of a pipe ({@code pipe2(2)}), both closed on exec.
 *
 * @param readEnd where the bytes come out
 * @param writeEnd where they go in
 */
public record Pipe(OwnedFd readEnd, OwnedFd writeEnd) implements AutoCloseable {
    /** Makes a pipe. */
    public static Pipe create() throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ends = arena.allocate(ValueLayout.JAVA_INT, 2);
            long _ = SystemCall.PIPE2.call("", ends.address(), SystemCall.O_CLOEXEC);
            return new Pipe(
                    new OwnedFd(ends.getAtIndex(ValueLayout.JAVA_INT, 0)),
                    new OwnedFd(ends.getAtIndex(ValueLayout.JAVA_INT, 1)));
        }
    }

    @Override
    public void close() {
        readEnd.close();
        writeEnd.close();
    }
}
