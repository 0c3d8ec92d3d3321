package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

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
        try {
            return new RangeStream(this, FileChannel.open(file, StandardOpenOption.READ));
        } catch (NoSuchFileException gone) {
            throw new CorruptImageException(name, "the layer is not here as it was stored", gone);
        }
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

    private static final class RangeStream extends ChannelStream {
        private final StoredFile stored;
        private final FileChannel channel;
        private long position;

        RangeStream(StoredFile stored, FileChannel channel) {
            this.stored = stored;
            this.channel = channel;
        }

        @Override
        public int read(ByteBuffer target) throws IOException {
            if (!target.hasRemaining()) {
                return 0;
            }
            long left = stored.sizeBytes - position;
            if (left == 0) {
                return -1;
            }
            int limit = target.limit();
            target.limit((int) Math.min(limit, target.position() + left));
            int read = channel.read(target, stored.offsetBytes + position);
            target.limit(limit);
            if (read < 0) {
                throw new CorruptImageException(
                        stored.name, position, "the file ends here, " + left + " bytes too early");
            }
            position += read;
            return read;
        }

        @Override
        public void close() throws IOException {
            super.close();
            channel.close();
        }
    }
}
