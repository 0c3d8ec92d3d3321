package io.lamina.images.verity;

/**
 * The shape of a dm-verity tree, format 1 with sha256 (kernel: drivers/md/dm-verity-target.c; cryptsetup: docs/on-disk-format).
 * A hash covers the salt and then one block; the salt is 32 zero bytes, as hcsshim and Kata use it.
 *
 * @param dataBlockSizeBytes bytes of a data block: 4096, or 512 for a device whose layers are all tar-index
 * @param hashBlockSizeBytes bytes of a hash block
 */
public record VerityGeometry(int dataBlockSizeBytes, int hashBlockSizeBytes) {
    /** Bytes of one hash (sha256). */
    public static final int HASH_BYTES = 32;

    /** Bytes of the salt, all zero. */
    public static final int SALT_BYTES = 32;

    /** 4096/4096: every device but those made of tar-index layers alone. */
    public static final VerityGeometry STANDARD = new VerityGeometry(4096, 4096);

    /** Checks that both sizes are powers of two from 512 to 524288, as dm-verity asks. */
    public VerityGeometry {
        checkBlockSize(dataBlockSizeBytes);
        checkBlockSize(hashBlockSizeBytes);
    }

    /** Hashes that fit a hash block; a power of two. */
    public int hashesPerBlock() {
        return hashBlockSizeBytes / HASH_BYTES;
    }

    private static void checkBlockSize(int bytes) {
        if (bytes < 512 || bytes > 524288 || Integer.bitCount(bytes) != 1) {
            throw new IllegalArgumentException("verity block size " + bytes + " is no power of two from 512 to 524288");
        }
    }
}
