package io.lamina.images.hash;

import io.lamina.images.oci.Digest;
import java.lang.foreign.MemorySegment;
import java.security.DigestException;
import java.security.MessageDigest;
import java.util.Objects;

/** The JDK's computation. */
final class JdkSha256 implements Sha256 {
    private final MessageDigest sha256 = Digest.sha256();
    private final byte[] prefix;

    JdkSha256(byte[] prefix) {
        this.prefix = prefix.clone();
        sha256.update(prefix);
    }

    @Override
    public void update(MemorySegment bytes, long start, long length) {
        sha256.update(bytes.asSlice(start, length).asByteBuffer());
    }

    @Override
    public void digest(byte[] into, int start) {
        Objects.checkFromIndexSize(start, BYTES, into.length);
        try {
            sha256.digest(into, start, BYTES);
        } catch (DigestException impossible) {
            throw new AssertionError(impossible);
        }
        sha256.update(prefix);
    }
}
