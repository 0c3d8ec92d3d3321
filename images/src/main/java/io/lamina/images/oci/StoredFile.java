package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/**
 * A run of bytes within a file of this machine: a file of a layout, or a member of an archive, read in place.
 *
 * @param file the file
 * @param name what to call it in messages
 * @param offsetBytes where it starts within the file
 * @param sizeBytes its length
 */
record StoredFile(Path file, String name, long offsetBytes, long sizeBytes) {
    /** Its bytes; ends with {@link CorruptImageException} if the file is too short. Several can be open at once. */
    InputStream open() throws IOException {
        return new RangeStream(this, FileChannel.open(file, StandardOpenOption.READ));
    }

    /** All of its bytes, of which there are at most {@code mostBytes}. */
    byte[] readAll(int mostBytes) throws IOException {
        if (sizeBytes > mostBytes) {
            throw new CorruptImageException(name, "has " + sizeBytes + " bytes, at most " + mostBytes);
        }
        try (InputStream in = open()) {
            return in.readAllBytes();
        }
    }

    private static final class RangeStream extends InputStream {
        private final StoredFile stored;
        private final FileChannel channel;
        private long position;

        RangeStream(StoredFile stored, FileChannel channel) {
            this.stored = stored;
            this.channel = channel;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, buffer.length);
            if (length == 0) {
                return 0;
            }
            long left = stored.sizeBytes - position;
            if (left == 0) {
                return -1;
            }
            ByteBuffer target = ByteBuffer.wrap(buffer, offset, (int) Math.min(length, left));
            int read = channel.read(target, stored.offsetBytes + position);
            if (read < 0) {
                throw new CorruptImageException(
                        stored.name, position, "the file ends here, " + left + " bytes too early");
            }
            position += read;
            return read;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
