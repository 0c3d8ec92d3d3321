package io.lamina.images.verity;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.security.DigestException;
import java.security.MessageDigest;

/**
 * Makes level-0 hashes of dm-verity: for each data block, sha256(salt ‖ block). One thread at a time uses an instance;
 * blocks may come in any order and from several instances, since each hash depends on its own block alone.
 */
public final class LeafHasher {
    private final MessageDigest sha256 = Digest.sha256();
    private final byte[] salt = new byte[VerityGeometry.SALT_BYTES];
    private final int dataBlockSizeBytes;

    public LeafHasher(VerityGeometry geometry) {
        this.dataBlockSizeBytes = geometry.dataBlockSizeBytes();
    }

    /**
     * Hashes every whole block in {@code data} into {@code leaves}, from {@code leafIndex} on. {@code data} is consumed.
     *
     * @param data a multiple of the data block size
     * @param leaves the level-0 hashes of the whole blob, {@link VerityGeometry#HASH_BYTES} bytes each
     * @param leafIndex number of the first block of {@code data} within the blob
     */
    public void hash(ByteBuffer data, byte[] leaves, int leafIndex) {
        if (data.remaining() % dataBlockSizeBytes != 0) {
            throw new IllegalArgumentException(
                    data.remaining() + " bytes are not whole blocks of " + dataBlockSizeBytes);
        }
        int end = data.limit();
        int at = Math.multiplyExact(leafIndex, VerityGeometry.HASH_BYTES);
        try {
            while (data.position() < end) {
                sha256.update(salt);
                data.limit(data.position() + dataBlockSizeBytes);
                sha256.update(data);
                sha256.digest(leaves, at, VerityGeometry.HASH_BYTES);
                at += VerityGeometry.HASH_BYTES;
            }
        } catch (DigestException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
