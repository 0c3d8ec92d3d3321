package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;

/**
 * Passes bytes on and checks their digest where they end: the read that would say "end" throws
 * {@link CorruptImageException} instead if they are not the right ones. Who stops before the end has proved nothing.
 */
final class VerifiedInputStream extends FilterInputStream {
    private static final int SKIP_BYTES = 64 << 10;

    private final String what;
    private final Digest expected;
    private final MessageDigest sha256 = Digest.sha256();
    private boolean verified;

    VerifiedInputStream(String what, InputStream in, Digest expected) {
        super(in);
        this.what = what;
        this.expected = expected;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        int read = in.read(buffer, offset, length);
        if (read > 0) {
            sha256.update(buffer, offset, read);
        } else if (read < 0) {
            verify();
        }
        return read;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    /** Skips by reading, since skipped bytes count too. */
    @Override
    public long skip(long count) throws IOException {
        byte[] buffer = new byte[Math.clamp(count, 0, SKIP_BYTES)];
        long left = count;
        while (left > 0) {
            int read = read(buffer, 0, (int) Math.min(left, buffer.length));
            if (read < 0) {
                break;
            }
            left -= read;
        }
        return count - Math.max(left, 0);
    }

    @Override
    public boolean markSupported() {
        return false;
    }

    private void verify() throws CorruptImageException {
        if (verified) {
            return;
        }
        Digest found = Digest.of(sha256.digest());
        if (!found.equals(expected)) {
            throw new CorruptImageException(what, "has the digest " + found + ", not " + expected);
        }
        verified = true;
    }
}
