package io.lamina.images.oci;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import io.lamina.images.CorruptImageException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * Decompresses Zstandard (RFC 8878), one frame after the other. Frames that ask for a window beyond 128 MiB are refused,
 * and so is anything but a frame behind one.
 */
final class ZstdStream extends FilterInputStream {
    private static final int MAX_WINDOW_LOG = 27;

    private final String what;
    private final Source source;

    /** @param stored is closed with this stream */
    ZstdStream(String what, InputStream stored) throws IOException {
        this(what, new Source(stored));
    }

    private ZstdStream(String what, Source source) throws IOException {
        super(new ZstdInputStreamNoFinalizer(source).setLongMax(MAX_WINDOW_LOG));
        this.what = what;
        this.source = source;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        try {
            return in.read(target, offset, length);
        } catch (IOException failure) {
            if (source.failed) {
                throw failure;
            }
            throw new CorruptImageException(what, "is not zstd: " + failure.getMessage(), failure);
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public boolean markSupported() {
        return false;
    }

    /** Remembers whether reading failed, since the library reports that and damaged frames alike. */
    private static final class Source extends FilterInputStream {
        private boolean failed;

        Source(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            boolean done = false;
            try {
                int read = in.read(target, offset, length);
                done = true;
                return read;
            } finally {
                failed |= !done;
            }
        }
    }
}
