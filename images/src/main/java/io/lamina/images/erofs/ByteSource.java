package io.lamina.images.erofs;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/** Bytes that an image is read from, by position. Never a memory mapping: a page of a stalled disk would stop the JVM. */
public interface ByteSource {
    /** Bytes there are. */
    long lengthBytes() throws IOException;

    /**
     * Fills {@code length} bytes of {@code into}.
     *
     * @throws EOFException if the source ends before
     */
    void read(long offsetBytes, byte[] into, int at, int length) throws IOException;

    /** An open file, read with positioned reads; the caller closes it. */
    static ByteSource of(FileChannel file) {
        return new ByteSource() {
            @Override
            public long lengthBytes() throws IOException {
                return file.size();
            }

            @Override
            public void read(long offsetBytes, byte[] into, int at, int length) throws IOException {
                ByteBuffer rest = ByteBuffer.wrap(into, at, length);
                long position = offsetBytes;
                while (rest.hasRemaining()) {
                    int got = file.read(rest, position);
                    if (got < 0) {
                        throw new EOFException("file ends at byte " + position);
                    }
                    position += got;
                }
            }
        };
    }

    /**
     * Two sources as one, such as metadata and the device that it names: zeroes are between them.
     *
     * @param firstBytes of the first one that count
     * @param secondStart where the second one starts, in bytes, not before the first one ends
     */
    static ByteSource joined(ByteSource first, long firstBytes, ByteSource second, long secondStart)
            throws IOException {
        long secondBytes = second.lengthBytes();
        if (secondStart < firstBytes) {
            throw new IllegalArgumentException("byte " + secondStart + " lies within " + firstBytes + " bytes");
        }
        return new ByteSource() {
            @Override
            public long lengthBytes() {
                return secondStart + secondBytes;
            }

            @Override
            public void read(long offsetBytes, byte[] into, int at, int length) throws IOException {
                int done = 0;
                while (done < length) {
                    long position = offsetBytes + done;
                    if (position >= secondStart) {
                        second.read(position - secondStart, into, at + done, length - done);
                        return;
                    }
                    boolean inFirst = position < firstBytes;
                    int count = (int) Math.min(length - done, (inFirst ? firstBytes : secondStart) - position);
                    if (inFirst) {
                        first.read(position, into, at + done, count);
                    } else {
                        Arrays.fill(into, at + done, at + done + count, (byte) 0);
                    }
                    done += count;
                }
            }
        };
    }

    /** Memory from position to limit as they are now. */
    static ByteSource of(ByteBuffer memory) {
        ByteBuffer bytes = memory.slice();
        return new ByteSource() {
            @Override
            public long lengthBytes() {
                return bytes.capacity();
            }

            @Override
            public void read(long offsetBytes, byte[] into, int at, int length) throws IOException {
                if (offsetBytes > bytes.capacity() - length) {
                    throw new EOFException("memory ends at byte " + bytes.capacity());
                }
                bytes.get((int) offsetBytes, into, at, length);
            }
        };
    }
}
