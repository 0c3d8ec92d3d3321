package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ReadableByteChannel;
import java.util.Objects;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;

/**
 * Decompresses gzip (RFC 1952), one member after the other, strictly: each member's checksum and length are checked,
 * and what follows a member is another one or the end. ({@code java.util.zip.GZIPInputStream} takes damage behind a
 * member for the end.)
 *
 * <p>Fastest as a channel, into buffers outside the heap.
 */
final class GzipStream extends ChannelStream {
    private static final int BUFFER_BYTES = 64 << 10;
    private static final int FLAG_HEADER_CRC = 1 << 1;
    private static final int FLAG_EXTRA = 1 << 2;
    private static final int FLAG_NAME = 1 << 3;
    private static final int FLAG_COMMENT = 1 << 4;
    private static final int FLAGS_RESERVED = 0xe0;
    private static final int DEFLATE = 8;

    private final String what;
    private final InputStream stored;
    private final ReadableByteChannel in;
    private final Inflate inflate;
    private final CRC32 crc = new CRC32();
    private final Arena arena;
    private final ByteBuffer input;
    /** For readers with arrays; made for the first. */
    private @Nullable ByteBuffer decompressed;

    private long consumed;
    private long memberBytes;
    private boolean inMember;
    /** Whether the output was full: there may be more without more input. */
    private boolean moreOutput;

    private boolean ended;

    /** @param stored is closed with this stream */
    GzipStream(String what, InputStream stored) {
        this(what, stored, Inflate.create());
    }

    /** @param inflate is closed with this stream, too */
    @SuppressWarnings("MustBeClosed") // closed in close
    GzipStream(String what, InputStream stored, Inflate inflate) {
        this.what = what;
        this.stored = stored;
        this.in = channel(stored);
        this.inflate = inflate;
        arena = Arena.ofShared();
        input = arena.allocate(Inflate.LOOK_BACK_BYTES + BUFFER_BYTES + Inflate.LOOK_AHEAD_BYTES)
                .asByteBuffer();
        input.position(Inflate.LOOK_BACK_BYTES).limit(Inflate.LOOK_BACK_BYTES);
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        if (!isOpen()) {
            throw new ClosedChannelException();
        }
        if (!target.hasRemaining()) {
            return 0;
        }
        int start = target.position();
        while (!ended) {
            if (!inMember) {
                startMember();
                continue;
            }
            inflate(target);
            int inflated = target.position() - start;
            if (inflated > 0) {
                crc.update(target.duplicate().flip().position(start));
                memberBytes += inflated;
            }
            if (inflate.finished()) {
                endMember();
            }
            if (inflated > 0) {
                return inflated;
            }
        }
        return -1;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, target.length);
        if (length == 0) {
            return 0;
        }
        ByteBuffer buffer = decompressed;
        if (buffer == null) {
            buffer = arena.allocate(BUFFER_BYTES).asByteBuffer().limit(0);
            decompressed = buffer;
        }
        if (!buffer.hasRemaining()) {
            buffer.clear();
            int read = read(buffer);
            buffer.flip();
            if (read < 0) {
                return -1;
            }
        }
        int count = Math.min(length, buffer.remaining());
        buffer.get(target, offset, count);
        return count;
    }

    @Override
    public void close() throws IOException {
        if (isOpen()) {
            super.close();
            inflate.close();
            arena.close();
            stored.close();
        }
    }

    private void inflate(ByteBuffer target) throws IOException {
        if (!input.hasRemaining() && !moreOutput && !fill()) {
            throw broken("ends within a member");
        }
        int inputStart = input.position();
        int outputStart = target.position();
        boolean hadInput = input.hasRemaining();
        try {
            inflate.inflate(input, target);
        } catch (DataFormatException damaged) {
            throw broken("is not deflate: " + damaged.getMessage());
        } finally {
            consumed += input.position() - inputStart;
        }
        moreOutput = !target.hasRemaining();
        if (hadInput && input.position() == inputStart && target.position() == outputStart && !inflate.finished()) {
            throw broken("is not deflate: there is no way on");
        }
    }

    /** Reads the header of the next member, or finds that there is none. */
    private void startMember() throws IOException {
        if (!input.hasRemaining() && !fill()) {
            if (consumed == 0) {
                throw broken("is empty");
            }
            ended = true;
            return;
        }
        crc.reset();
        if (headerByte() != 0x1f || headerByte() != 0x8b) {
            throw broken("no gzip member starts here");
        }
        int method = headerByte();
        int flags = headerByte();
        if (method != DEFLATE || (flags & FLAGS_RESERVED) != 0) {
            throw broken("a gzip member with method " + method + " and flags " + flags);
        }
        skipHeader(6);
        if ((flags & FLAG_EXTRA) != 0) {
            skipHeader(headerByte() | headerByte() << 8);
        }
        if ((flags & FLAG_NAME) != 0) {
            skipHeaderString();
        }
        if ((flags & FLAG_COMMENT) != 0) {
            skipHeaderString();
        }
        if ((flags & FLAG_HEADER_CRC) != 0) {
            int expected = (int) crc.getValue() & 0xffff;
            int found = headerByte() | headerByte() << 8;
            if (found != expected) {
                throw broken("a gzip header whose checksum is wrong");
            }
        }
        crc.reset();
        inflate.reset();
        moreOutput = false;
        memberBytes = 0;
        inMember = true;
    }

    private void endMember() throws IOException {
        long expectedCrc = crc.getValue();
        long foundCrc = trailerWord();
        long foundSize = trailerWord();
        if (foundCrc != expectedCrc || foundSize != (memberBytes & 0xffffffffL)) {
            throw broken("a gzip member whose checksum or length is wrong");
        }
        inMember = false;
    }

    private long trailerWord() throws IOException {
        long word = 0;
        for (int i = 0; i < 4; i++) {
            word |= (long) headerByte() << (8 * i);
        }
        return word;
    }

    private void skipHeader(int count) throws IOException {
        for (int i = 0; i < count; i++) {
            headerByte();
        }
    }

    private void skipHeaderString() throws IOException {
        while (headerByte() != 0) {
            // A name or comment: nothing to us.
        }
    }

    private int headerByte() throws IOException {
        if (!input.hasRemaining() && !fill()) {
            throw broken("ends within a gzip header or trailer");
        }
        byte value = input.get();
        crc.update(value);
        consumed++;
        return value & 0xff;
    }

    /** Reads more; the last bytes before stay in front of it, since some may be given back. */
    private boolean fill() throws IOException {
        int end = input.limit();
        for (int i = 0; i < Inflate.LOOK_BACK_BYTES; i++) {
            input.put(i, input.get(end - Inflate.LOOK_BACK_BYTES + i));
        }
        input.position(Inflate.LOOK_BACK_BYTES).limit(Inflate.LOOK_BACK_BYTES + BUFFER_BYTES);
        int read = in.read(input);
        input.limit(Inflate.LOOK_BACK_BYTES + Math.max(0, read)).position(Inflate.LOOK_BACK_BYTES);
        return read > 0;
    }

    private CorruptImageException broken(String rule) {
        return new CorruptImageException(what, consumed, rule);
    }
}
