package io.lamina.host.containerd;

import io.lamina.images.oci.Digest;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;

/** Counts what is read, and hashes it where nothing else would check it. */
final class LayerSource extends FilterInputStream {
    private final MessageDigest sha256 = Digest.sha256();
    private final boolean hashing;
    private long bytes;

    /** @param hashing whether {@link #digest} will be asked for */
    LayerSource(InputStream in, boolean hashing) {
        super(in);
        this.hashing = hashing;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        int count = in.read(target, offset, length);
        if (count > 0) {
            if (hashing) {
                sha256.update(target, offset, count);
            }
            bytes += count;
        }
        return count;
    }

    @Override
    public boolean markSupported() {
        return false;
    }

    /** Of all that was read. */
    Digest digest() {
        return Digest.of(sha256.digest());
    }

    long bytes() {
        return bytes;
    }
}
