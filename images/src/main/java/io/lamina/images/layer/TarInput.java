package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;

/** The bytes of a tar, each read and hashed once. */
final class TarInput {
    private static final int BUFFER_BYTES = 1 << 20;

    private final InputStream in;
    private final MessageDigest sha256 = Digest.sha256();
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int at;
    private int end;
    /** Bytes of the stream before the buffer. */
    private long bufferStart;

    TarInput(InputStream in) {
        this.in = in;
    }

    /** Offset of the next byte in the stream. */
    long positionBytes() {
        return bufferStart + at;
    }

    /** Whether the stream has ended. */
    boolean atEnd() throws IOException {
        return at == end && !fill();
    }

    /** Fills {@code length} bytes of {@code into}. */
    void read(byte[] into, int start, int length) throws IOException {
        int done = 0;
        while (done < length) {
            if (atEnd()) {
                throw truncated();
            }
            int count = Math.min(length - done, end - at);
            System.arraycopy(buffer, at, into, start + done, count);
            at += count;
            done += count;
        }
    }

    void skip(long bytes) throws IOException {
        long left = bytes;
        while (left > 0) {
            if (atEnd()) {
                throw truncated();
            }
            int count = (int) Math.min(left, end - at);
            at += count;
            left -= count;
        }
    }

    /** Reads the rest and gives the digest of the whole stream. */
    Digest drain() throws IOException {
        do {
            at = end;
        } while (fill());
        return Digest.of(sha256.digest());
    }

    private boolean fill() throws IOException {
        bufferStart += end;
        at = 0;
        end = 0;
        int got;
        while (end < buffer.length && (got = in.read(buffer, end, buffer.length - end)) >= 0) {
            end += got;
        }
        sha256.update(buffer, 0, end);
        return end > 0;
    }

    private CorruptImageException truncated() {
        return new CorruptImageException("tar", positionBytes(), "the stream ends inside an entry");
    }
}
