package io.lamina.images.verity;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.security.DigestException;
import java.security.MessageDigest;

/**
 * Compares data blocks with their level-0 hashes, for a host that checks what it reads before a guest gets it. Without
 * allocation; one thread at a time uses an instance.
 */
public final class BlockVerifier {
    /** What {@link #firstWrong} returns when all blocks are right. */
    public static final int ALL_RIGHT = -1;

    private final MessageDigest sha256 = Digest.sha256();
    private final byte[] salt = new byte[VerityGeometry.SALT_BYTES];
    private final byte[] hash = new byte[VerityGeometry.HASH_BYTES];
    private final int dataBlockSizeBytes;

    public BlockVerifier(VerityGeometry geometry) {
        this.dataBlockSizeBytes = geometry.dataBlockSizeBytes();
    }

    /**
     * The first block of {@code data} whose hash is not its leaf, counted from 0, or {@link #ALL_RIGHT}.
     *
     * @param data whole data blocks, consumed
     * @param leaves their leaves in the same order, one for each; not consumed
     */
    public int firstWrong(ByteBuffer data, ByteBuffer leaves) {
        int blocks = data.remaining() / dataBlockSizeBytes;
        if (data.remaining() != blocks * dataBlockSizeBytes
                || leaves.remaining() != blocks * VerityGeometry.HASH_BYTES) {
            throw new IllegalArgumentException(
                    data.remaining() + " bytes of data with " + leaves.remaining() + " bytes of leaves");
        }
        int end = data.limit();
        try {
            for (int block = 0; block < blocks; block++) {
                sha256.update(salt);
                data.limit(data.position() + dataBlockSizeBytes);
                sha256.update(data);
                sha256.digest(hash, 0, hash.length);
                if (!isLeaf(leaves, leaves.position() + block * VerityGeometry.HASH_BYTES)) {
                    return block;
                }
            }
            return ALL_RIGHT;
        } catch (DigestException impossible) {
            throw new AssertionError(impossible);
        } finally {
            data.limit(end).position(end);
        }
    }

    private boolean isLeaf(ByteBuffer leaves, int at) {
        for (int i = 0; i < hash.length; i++) {
            if (hash[i] != leaves.get(at + i)) {
                return false;
            }
        }
        return true;
    }
}
