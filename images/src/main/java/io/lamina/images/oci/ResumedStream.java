package io.lamina.images.oci;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/** A stream of which some first bytes have been read already, from its beginning. */
final class ResumedStream extends ChannelStream {
    private final ByteBuffer first;
    private final InputStream stream;
    private final ReadableByteChannel rest;

    /** @param rest is closed with this stream */
    ResumedStream(byte[] first, InputStream rest) {
        this.first = ByteBuffer.wrap(first);
        this.stream = rest;
        this.rest = channel(rest);
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        if (!first.hasRemaining()) {
            return rest.read(target);
        }
        int count = Math.min(first.remaining(), target.remaining());
        target.put(target.position(), first, first.position(), count);
        target.position(target.position() + count);
        first.position(first.position() + count);
        return count;
    }

    @Override
    public void close() throws IOException {
        super.close();
        stream.close();
    }
}
