package io.lamina.linux;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/**
 * Java streams over descriptors that Java cannot open by a path, such as one end of a socket pair ({@code read(2)},
 * {@code write(2)}). A stream owns its descriptor and is for one thread.
 */
public final class DescriptorStreams {
    private static final int BUFFER_BYTES = 64 << 10;

    private static final MethodHandle READ = Libc.errnoHandle(
            "read",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
    private static final MethodHandle WRITE = Libc.errnoHandle(
            "write",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));

    private DescriptorStreams() {}

    /** What comes out of {@code descriptor}; the stream ends when the other side has closed. */
    public static InputStream input(OwnedFd descriptor) {
        return new Input(descriptor);
    }

    /** What goes into {@code descriptor}, unbuffered: a write returns when the kernel has taken all of it. */
    public static OutputStream output(OwnedFd descriptor) {
        return new Output(descriptor);
    }

    /** One native buffer and the call that fills or drains it. */
    private static final class Transfer implements AutoCloseable {
        private final OwnedFd descriptor;
        private final Arena arena = Arena.ofAuto();
        private final MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
        private final MemorySegment buffer = arena.allocate(BUFFER_BYTES);

        Transfer(OwnedFd descriptor) {
            this.descriptor = descriptor;
        }

        long call(MethodHandle function, String name, MemorySegment bytes) throws SystemCallException {
            while (true) {
                long result;
                try {
                    result = (long) function.invokeExact(state, descriptor.number(), bytes, bytes.byteSize());
                } catch (Throwable failure) {
                    throw Libc.unexpected(name, failure);
                }
                if (result >= 0) {
                    return result;
                }
                int errno = Libc.errno(state);
                if (errno != Errno.EINTR) {
                    throw new SystemCallException(name, descriptor.toString(), errno);
                }
            }
        }

        @Override
        public void close() {
            descriptor.close();
        }
    }

    private static final class Input extends InputStream {
        private final Transfer transfer;

        Input(OwnedFd descriptor) {
            transfer = new Transfer(descriptor);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, target.length);
            if (length == 0) {
                return 0;
            }
            MemorySegment bytes = transfer.buffer.asSlice(0, Math.min(length, BUFFER_BYTES));
            int count = (int) transfer.call(READ, "read", bytes);
            if (count == 0) {
                return -1;
            }
            MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 0, target, offset, count);
            return count;
        }

        @Override
        public void close() {
            transfer.close();
        }
    }

    private static final class Output extends OutputStream {
        private final Transfer transfer;

        Output(OwnedFd descriptor) {
            transfer = new Transfer(descriptor);
        }

        @Override
        public void write(int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] source, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, source.length);
            int done = 0;
            while (done < length) {
                int count = Math.min(length - done, BUFFER_BYTES);
                MemorySegment bytes = transfer.buffer.asSlice(0, count);
                MemorySegment.copy(source, offset + done, bytes, ValueLayout.JAVA_BYTE, 0, count);
                done += (int) transfer.call(WRITE, "write", bytes);
            }
        }

        @Override
        public void close() {
            transfer.close();
        }
    }
}
