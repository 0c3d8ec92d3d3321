package io.lamina.images.verity;

import io.lamina.images.oci.Digest;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;

/**
 * What the composition of a tree needs of one part of a device: how many data blocks it has, and the hashes of the
 * level-0 hash blocks that its leaves fill. As parts start where a level-0 hash block starts, these hashes depend on the
 * part alone; they are made once and kept with it, and then a composition hashes less than a ten-thousandth of the data.
 *
 * <p>Immutable.
 */
public final class PartHashes {
    private static final int READ_HASH_BLOCKS = 256;

    private final VerityGeometry geometry;
    private final long dataBlocks;
    private final byte[] level1;
    /** The hash of the only data block where there is but one, since it may become the root; else empty. */
    private final byte[] onlyLeaf;

    private PartHashes(VerityGeometry geometry, long dataBlocks, byte[] level1, byte[] onlyLeaf) {
        this.geometry = geometry;
        this.dataBlocks = dataBlocks;
        this.level1 = level1;
        this.onlyLeaf = onlyLeaf;
    }

    /**
     * Hashes the leaves of a part.
     *
     * @param leaves its level-0 hashes, one after the other, {@link VerityGeometry#HASH_BYTES} each; not consumed
     */
    public static PartHashes ofLeaves(VerityGeometry geometry, ByteBuffer leaves) {
        int bytes = leaves.remaining();
        if (bytes == 0 || bytes % VerityGeometry.HASH_BYTES != 0) {
            throw new IllegalArgumentException(bytes + " bytes are no leaves");
        }
        int blockBytes = geometry.hashBlockSizeBytes();
        int blocks = Math.ceilDiv(bytes, blockBytes);
        byte[] level1 = new byte[blocks * VerityGeometry.HASH_BYTES];
        LeafHasher hasher = hashBlockHasher(geometry);
        ByteBuffer whole = leaves.slice(leaves.position(), bytes - bytes % blockBytes);
        hasher.hash(whole, level1, 0);
        if (bytes % blockBytes != 0) {
            ByteBuffer last = ByteBuffer.allocate(blockBytes);
            last.put(leaves.slice(leaves.position() + bytes - bytes % blockBytes, bytes % blockBytes));
            hasher.hash(last.clear(), level1, blocks - 1);
        }
        byte[] onlyLeaf = {};
        if (bytes == VerityGeometry.HASH_BYTES) {
            onlyLeaf = new byte[bytes];
            leaves.get(leaves.position(), onlyLeaf);
        }
        return new PartHashes(geometry, bytes / VerityGeometry.HASH_BYTES, level1, onlyLeaf);
    }

    /**
     * Hashes the leaves of a part as a file holds them.
     *
     * @param leaves read from its start to its end
     */
    public static PartHashes ofLeaves(VerityGeometry geometry, FileChannel leaves) throws IOException {
        long bytes = leaves.size();
        int blockBytes = geometry.hashBlockSizeBytes();
        if (bytes <= READ_HASH_BLOCKS * (long) blockBytes) {
            return ofLeaves(geometry, read(leaves, 0, (int) bytes));
        }
        if (bytes % VerityGeometry.HASH_BYTES != 0) {
            throw new IllegalArgumentException(bytes + " bytes are no leaves");
        }
        byte[] level1 = new byte[Math.toIntExact(Math.ceilDiv(bytes, blockBytes) * VerityGeometry.HASH_BYTES)];
        int at = 0;
        for (long done = 0; done < bytes; done += READ_HASH_BLOCKS * (long) blockBytes) {
            int count = (int) Math.min(bytes - done, READ_HASH_BLOCKS * (long) blockBytes);
            byte[] hashes = ofLeaves(geometry, read(leaves, done, count)).level1;
            System.arraycopy(hashes, 0, level1, at, hashes.length);
            at += hashes.length;
        }
        return new PartHashes(geometry, bytes / VerityGeometry.HASH_BYTES, level1, new byte[0]);
    }

    private static ByteBuffer read(FileChannel file, long startByte, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, startByte + bytes.position()) < 0) {
                throw new EOFException("leaves end at byte " + (startByte + bytes.position()));
            }
        }
        return bytes.flip();
    }

    /**
     * Takes up again what {@link #level1} gave.
     *
     * @param dataBlocks blocks of the part, 2 or more
     * @param level1 one hash for each level-0 hash block
     */
    public static PartHashes stored(VerityGeometry geometry, long dataBlocks, byte[] level1) {
        if (dataBlocks < 2 || level1.length != geometry.levelBlocks(dataBlocks, 0) * VerityGeometry.HASH_BYTES) {
            throw new IllegalArgumentException(level1.length + " bytes of hashes for " + dataBlocks + " data blocks");
        }
        return new PartHashes(geometry, dataBlocks, level1.clone(), new byte[0]);
    }

    /** Those of {@code dataBlocks} blocks of zeroes. */
    public static PartHashes ofZeroes(VerityGeometry geometry, long dataBlocks) {
        int perBlock = geometry.hashesPerBlock();
        byte[] leaves = zeroLeaves(geometry, perBlock);
        byte[] full = ofLeaves(geometry, ByteBuffer.wrap(leaves)).level1;
        byte[] level1 = new byte[Math.toIntExact(geometry.levelBlocks(dataBlocks, 0) * VerityGeometry.HASH_BYTES)];
        for (int at = 0; at < level1.length; at += full.length) {
            System.arraycopy(full, 0, level1, at, full.length);
        }
        int rest = (int) (dataBlocks % perBlock);
        if (rest == 0) {
            return new PartHashes(geometry, dataBlocks, level1, new byte[0]);
        }
        PartHashes last = ofLeaves(geometry, ByteBuffer.wrap(leaves, 0, rest * VerityGeometry.HASH_BYTES));
        System.arraycopy(last.level1, 0, level1, level1.length - full.length, full.length);
        return new PartHashes(geometry, dataBlocks, level1, dataBlocks == 1 ? last.onlyLeaf : new byte[0]);
    }

    /** The leaves of {@code dataBlocks} blocks of zeroes. */
    public static byte[] zeroLeaves(VerityGeometry geometry, int dataBlocks) {
        byte[] leaf = new byte[VerityGeometry.HASH_BYTES];
        new LeafHasher(geometry).hash(ByteBuffer.allocate(geometry.dataBlockSizeBytes()), leaf, 0);
        byte[] leaves = new byte[Math.multiplyExact(dataBlocks, leaf.length)];
        for (int at = 0; at < leaves.length; at += leaf.length) {
            System.arraycopy(leaf, 0, leaves, at, leaf.length);
        }
        return leaves;
    }

    /** The shape of the tree that these hashes belong to. */
    public VerityGeometry geometry() {
        return geometry;
    }

    /** Data blocks of the part. */
    public long dataBlocks() {
        return dataBlocks;
    }

    /** One hash for each level-0 hash block; to be stored. */
    public byte[] level1() {
        return level1.clone();
    }

    /** dm-verity's root hash over this part alone. */
    public Digest rootHash() {
        return HashTree.compose(List.of(this)).rootHash();
    }

    byte[] level1InPlace() {
        return level1;
    }

    byte[] onlyLeafInPlace() {
        return onlyLeaf;
    }

    /** Hash blocks are hashed like data blocks of their own size. */
    static LeafHasher hashBlockHasher(VerityGeometry geometry) {
        return new LeafHasher(new VerityGeometry(geometry.hashBlockSizeBytes(), geometry.hashBlockSizeBytes()));
    }
}
