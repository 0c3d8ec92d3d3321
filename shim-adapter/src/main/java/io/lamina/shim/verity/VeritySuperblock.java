package io.lamina.shim.verity;

import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.verity.VerityGeometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * The 512 bytes before a hash tree that tell its shape
 * (<a href="https://gitlab.com/cryptsetup/cryptsetup/-/wikis/DMVerity">cryptsetup, "Verity superblock format"</a>). They
 * fill a hash block, the rest of which is zero.
 */
public final class VeritySuperblock {
    private static final int VERSION = 8;
    private static final int HASH_TYPE = 12;
    private static final int UUID_BYTES = 16;
    private static final int ALGORITHM = 32;
    private static final int DATA_BLOCK_SIZE = 64;
    private static final int HASH_BLOCK_SIZE = 68;
    private static final int DATA_BLOCKS = 72;
    private static final int SALT_SIZE = 80;

    private VeritySuperblock() {}

    /**
     * The block of the tree over {@code device}: format 1, sha256, a salt of 32 zero bytes. The UUID, which others draw
     * by chance, is made of the root hash.
     */
    public static ByteBuffer of(FlattenedDevice device) {
        VerityGeometry geometry = device.geometry();
        ByteBuffer block = ByteBuffer.allocate(geometry.hashBlockSizeBytes()).order(ByteOrder.LITTLE_ENDIAN);
        block.put(0, "verity\0\0".getBytes(StandardCharsets.US_ASCII));
        block.putInt(VERSION, 1);
        block.putInt(HASH_TYPE, 1);
        UUID uuid = device.rootHash().uuid();
        block.slice(UUID_BYTES, UUID_BYTES)
                .order(ByteOrder.BIG_ENDIAN)
                .putLong(uuid.getMostSignificantBits())
                .putLong(uuid.getLeastSignificantBits());
        block.put(ALGORITHM, "sha256".getBytes(StandardCharsets.US_ASCII));
        block.putInt(DATA_BLOCK_SIZE, geometry.dataBlockSizeBytes());
        block.putInt(HASH_BLOCK_SIZE, geometry.hashBlockSizeBytes());
        block.putLong(DATA_BLOCKS, device.dataBlocks());
        block.putShort(SALT_SIZE, (short) VerityGeometry.SALT_BYTES);
        return block;
    }
}
