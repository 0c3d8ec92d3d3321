package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.Background;
import io.lamina.images.hash.Sha256;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import org.jspecify.annotations.Nullable;

/** The bytes of a tar, each read and hashed once. */
final class TarInput {
    private static final int BUFFER_BYTES = 512 << 10;

    private final ReadableByteChannel in;
    private final @Nullable RecipeWriter recipe;
    private final Sha256 sha256 = Sha256.create();
    private final Background hashing;
    /** Being hashed while it is read from. */
    private ByteBuffer buffer;

    private int at;
    private int end;
    /** Bytes of the stream before the buffer. */
    private long bufferStart;

    /**
     * @param hashing does the hashing, and has the buffers
     * @param recipe takes the bytes that are read or skipped, but not those read as data; null for none
     */
    TarInput(ReadableByteChannel in, Background hashing, @Nullable RecipeWriter recipe) {
        this.in = in;
        this.recipe = recipe;
        this.hashing = hashing;
        buffer = hashing.next(BUFFER_BYTES);
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
            int count = available(length - done);
            buffer.get(at, into, start + done, count);
            at += count;
            done += count;
        }
        if (recipe != null) {
            recipe.literal(into, start, length);
        }
    }

    /** Puts {@code length} bytes that go into the blob into {@code into}, at its byte {@code start}. */
    void readData(ByteBuffer into, int start, int length) throws IOException {
        int done = 0;
        while (done < length) {
            int count = available(length - done);
            into.put(start + done, buffer, at, count);
            at += count;
            done += count;
        }
    }

    /** How many of {@code wanted} bytes the buffer has, at least one. */
    private int available(long wanted) throws IOException {
        if (atEnd()) {
            throw truncated();
        }
        return (int) Math.min(wanted, end - at);
    }

    void skip(long bytes) throws IOException {
        long left = bytes;
        while (left > 0) {
            int count = available(left);
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
        ByteBuffer next = hashing.next(BUFFER_BYTES);
        buffer = next;
        while (next.hasRemaining() && in.read(next) >= 0) {}
        end = next.position();
        MemorySegment filled = MemorySegment.ofBuffer(next.flip());
        if (end == BUFFER_BYTES) {
            hashing.start(() -> sha256.update(filled, 0, BUFFER_BYTES));
        } else {
            hashing.await();
            sha256.update(filled, 0, end);
        }
        return end > 0;
    }

    private CorruptImageException truncated() {
        return new CorruptImageException("tar", positionBytes(), "the stream ends inside an entry");
    }
}
