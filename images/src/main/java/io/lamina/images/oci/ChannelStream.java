package io.lamina.images.oci;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Objects;

/**
 * A stream that can also be read as a channel: into memory outside the heap, without a copy on the way. Whoever passes a
 * large file through several hands passes it on as one of these.
 */
public abstract class ChannelStream extends InputStream implements ReadableByteChannel {
    private boolean closed;

    /** {@code stream} as a channel; itself, if it is one. */
    public static ReadableByteChannel channel(InputStream stream) {
        return stream instanceof ReadableByteChannel channel ? channel : Channels.newChannel(stream);
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, target.length);
        return read(ByteBuffer.wrap(target, offset, length));
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public final boolean isOpen() {
        return !closed;
    }

    @Override
    public void close() throws IOException {
        closed = true;
    }
}
