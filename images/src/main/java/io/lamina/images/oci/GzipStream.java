package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Decompresses gzip (RFC 1952), one member after the other, strictly: each member's checksum and length are checked,
 * and what follows a member is another one or the end. ({@code java.util.zip.GZIPInputStream} takes damage behind a
 * member for the end.)
 */
final class GzipStream extends InputStream {
    private static final int BUFFER_BYTES = 64 << 10;
    private static final int FLAG_HEADER_CRC = 1 << 1;
    private static final int FLAG_EXTRA = 1 << 2;
    private static final int FLAG_NAME = 1 << 3;
    private static final int FLAG_COMMENT = 1 << 4;
    private static final int FLAGS_RESERVED = 0xe0;
    private static final int DEFLATE = 8;

    private final String what;
    private final InputStream in;
    private final Inflater inflater = new Inflater(true);
    private final CRC32 crc = new CRC32();
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int from;
    private int to;
    private long consumed;
    private boolean inMember;
    private boolean ended;

    /** @param in is closed with this stream */
    GzipStream(String what, InputStream in) {
        this.what = what;
        this.in = in;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, target.length);
        if (length == 0) {
            return 0;
        }
        while (!ended) {
            if (!inMember) {
                startMember();
                continue;
            }
            int inflated = inflate(target, offset, length);
            if (inflated > 0) {
                crc.update(target, offset, inflated);
                return inflated;
            }
            if (inflater.finished()) {
                endMember();
            }
        }
        return -1;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public void close() throws IOException {
        ended = true;
        inflater.end();
        in.close();
    }

    private int inflate(byte[] target, int offset, int length) throws IOException {
        try {
            if (inflater.needsInput()) {
                if (from == to && !fill()) {
                    throw broken("ends within a member");
                }
                inflater.setInput(buffer, from, to - from);
            }
            int before = inflater.getRemaining();
            int inflated = inflater.inflate(target, offset, length);
            int used = before - inflater.getRemaining();
            from += used;
            consumed += used;
            if (inflated == 0 && inflater.needsDictionary()) {
                throw broken("asks for a dictionary, which gzip does not have");
            }
            return inflated;
        } catch (DataFormatException damaged) {
            throw broken("is not deflate: " + damaged.getMessage());
        }
    }

    /** Reads the header of the next member, or finds that there is none. */
    private void startMember() throws IOException {
        if (from == to && !fill()) {
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
        inflater.reset();
        inMember = true;
    }

    private void endMember() throws IOException {
        long expectedCrc = crc.getValue();
        long expectedSize = inflater.getBytesWritten() & 0xffffffffL;
        long foundCrc = trailerWord();
        long foundSize = trailerWord();
        if (foundCrc != expectedCrc || foundSize != expectedSize) {
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
        if (from == to && !fill()) {
            throw broken("ends within a gzip header or trailer");
        }
        int value = buffer[from] & 0xff;
        crc.update(value);
        from++;
        consumed++;
        return value;
    }

    private boolean fill() throws IOException {
        int read = in.read(buffer, 0, buffer.length);
        from = 0;
        to = Math.max(read, 0);
        return read > 0;
    }

    private CorruptImageException broken(String rule) {
        return new CorruptImageException(what, consumed, rule);
    }
}
