package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The two ends of a pipe ({@code pipe2(2)}), both closed on exec.
 *
 * @param readEnd where the bytes come out
 * @param writeEnd where they go in
 */
public record Pipe(OwnedFd readEnd, OwnedFd writeEnd) implements AutoCloseable {
    private static final int O_CLOEXEC = 02000000;
    private static final MethodHandle PIPE2 = Libc.errnoHandle(
            "pipe2", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    /** Makes a pipe. */
    public static Pipe create() throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            MemorySegment ends = arena.allocate(ValueLayout.JAVA_INT, 2);
            int result = (int) PIPE2.invokeExact(state, ends, O_CLOEXEC);
            if (result < 0) {
                throw new SystemCallException("pipe2", "", Libc.errno(state));
            }
            return new Pipe(
                    new OwnedFd(ends.getAtIndex(ValueLayout.JAVA_INT, 0)),
                    new OwnedFd(ends.getAtIndex(ValueLayout.JAVA_INT, 1)));
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("pipe2", failure);
        }
    }

    @Override
    public void close() {
        readEnd.close();
        writeEnd.close();
    }
}
