package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.Background;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;

/** The bytes of a tar, each read and hashed once. */
final class TarInput {
    private static final int BUFFER_BYTES = 1 << 20;

    private final InputStream in;
    private final @Nullable RecipeWriter recipe;
    private final MessageDigest sha256 = Digest.sha256();
    private final Background hashing;
    /** Being hashed while it is read from. */
    private byte[] buffer = new byte[0];

    private byte[] other = new byte[0];
    private int at;
    private int end;
    /** Bytes of the stream before the buffer. */
    private long bufferStart;

    /** @param recipe takes the bytes that are read or skipped, but not those read as data; null for none */
    TarInput(InputStream in, Background hashing, @Nullable RecipeWriter recipe) {
        this.in = in;
        this.recipe = recipe;
        this.hashing = hashing;
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
        readData(into, start, length);
        if (recipe != null) {
            recipe.literal(into, start, length);
        }
    }

    /** As {@link #read}, for bytes that go into the blob. */
    void readData(byte[] into, int start, int length) throws IOException {
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
            if (recipe != null) {
                recipe.literal(buffer, at, count);
            }
            at += count;
            left -= count;
        }
    }

    /** Reads the rest and gives the digest of the whole stream. */
    Digest drain() throws IOException {
        while (!atEnd()) {
            skip(end - at);
        }
        hashing.await();
        return Digest.of(sha256.digest());
    }

    private boolean fill() throws IOException {
        bufferStart += end;
        at = 0;
        end = 0;
        byte[] next = other.length == 0 ? new byte[BUFFER_BYTES] : other;
        other = buffer;
        buffer = next;
        int filled = 0;
        int got;
        while (filled < next.length && (got = in.read(next, filled, next.length - filled)) >= 0) {
            filled += got;
        }
        end = filled;
        int length = filled;
        if (length == next.length) {
            hashing.start(() -> sha256.update(next, 0, length));
        } else {
            hashing.await();
            sha256.update(next, 0, length);
        }
        return length > 0;
    }

    private CorruptImageException truncated() {
        return new CorruptImageException("tar", positionBytes(), "the stream ends inside an entry");
    }
}
