package io.lamina.images.erofs;

import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/**
 * Makes the level-0 dm-verity hash of each block of an image while the image is written: {@link VerityGeometry#HASH_BYTES}
 * bytes for each block of {@link VerityGeometry#STANDARD}. One thread at a time.
 */
public final class LeafOutput {
    private static final int BLOCK_SIZE_BYTES = VerityGeometry.STANDARD.dataBlockSizeBytes();

    private final FileChannel leaves;
    private final Background hashing;
    private final LeafHasher hasher = new LeafHasher(VerityGeometry.STANDARD);
    private final byte[] hashes = new byte[BlobOutput.BUFFER_BYTES / BLOCK_SIZE_BYTES * VerityGeometry.HASH_BYTES];

    /**
     * @param leaves takes the hashes from its start; what it held before is dropped
     * @param hashing does the work. Its own buffers are not used: it is handed its piece with each piece that the owner of the
     *     buffers is handed, and is of the same kind, so that both are done with a buffer at the same turn
     */
    public LeafOutput(FileChannel leaves, Background hashing) throws IOException {
        this.leaves = leaves;
        this.hashing = hashing;
        leaves.truncate(0);
    }

    /**
     * Lets whole blocks be hashed.
     *
     * @param blocks up to {@link BlobOutput#BUFFER_BYTES}, not to be changed before the work is done
     * @param atByte where the image has them
     */
    void start(ByteBuffer blocks, long atByte) throws IOException {
        hashing.start(() -> write(blocks, atByte));
    }

    /** Hashes whole blocks now that all before them are done. */
    void finish(ByteBuffer blocks, long atByte) throws IOException {
        hashing.await();
        write(blocks, atByte);
    }

    private void write(ByteBuffer blocks, long atByte) throws IOException {
        int hashBytes = blocks.remaining() / BLOCK_SIZE_BYTES * VerityGeometry.HASH_BYTES;
        hasher.hash(blocks, hashes, 0);
        BlobOutput.writeFully(
                leaves, ByteBuffer.wrap(hashes, 0, hashBytes), atByte / BLOCK_SIZE_BYTES * VerityGeometry.HASH_BYTES);
    }
}
