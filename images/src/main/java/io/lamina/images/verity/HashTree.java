package io.lamina.images.verity;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * dm-verity's tree over the parts of a device, laid out as the kernel reads it: levels from the top down to level 0
 * (kernel: drivers/md/dm-verity-target.c, {@code verity_hash_at_level}). The same as {@code veritysetup format
 * --no-superblock} makes of the same bytes.
 *
 * <p>Level 0 is not kept here: it is the leaves of the parts, one after the other, filled with zeroes to a whole hash
 * block.
 */
public final class HashTree {
    private final VerityGeometry geometry;
    private final long dataBlocks;
    private final byte[] upperLevels;
    private final Digest rootHash;

    private HashTree(VerityGeometry geometry, long dataBlocks, byte[] upperLevels, Digest rootHash) {
        this.geometry = geometry;
        this.dataBlocks = dataBlocks;
        this.upperLevels = upperLevels;
        this.rootHash = rootHash;
    }

    /**
     * Composes the tree over {@code parts}, in the order in which they lie on the device without a gap.
     *
     * @param parts one or more of one geometry, each but the last a multiple of {@link VerityGeometry#hashesPerBlock}
     *     data blocks
     */
    public static HashTree compose(List<PartHashes> parts) {
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("a tree over nothing");
        }
        VerityGeometry geometry = parts.getFirst().geometry();
        byte[] hashes = level1(geometry, parts);
        long dataBlocks = parts.stream().mapToLong(PartHashes::dataBlocks).sum();
        if (dataBlocks == 1) {
            byte[] leaf = parts.getFirst().onlyLeafInPlace();
            return new HashTree(geometry, 1, new byte[0], Digest.of(leaf));
        }
        LeafHasher hasher = PartHashes.hashBlockHasher(geometry);
        List<byte[]> levels = new ArrayList<>();
        int total = 0;
        while (hashes.length > VerityGeometry.HASH_BYTES) {
            int blocks = Math.ceilDiv(hashes.length, geometry.hashBlockSizeBytes());
            byte[] level = Arrays.copyOf(hashes, Math.multiplyExact(blocks, geometry.hashBlockSizeBytes()));
            levels.add(level);
            total = Math.addExact(total, level.length);
            hashes = new byte[blocks * VerityGeometry.HASH_BYTES];
            hasher.hash(ByteBuffer.wrap(level), hashes, 0);
        }
        ByteBuffer upperLevels = ByteBuffer.allocate(total);
        levels.reversed().forEach(upperLevels::put);
        return new HashTree(geometry, dataBlocks, upperLevels.array(), Digest.of(hashes));
    }

    /** The shape of the tree. */
    public VerityGeometry geometry() {
        return geometry;
    }

    /** Data blocks that the tree proves. */
    public long dataBlocks() {
        return dataBlocks;
    }

    /** The hash that proves them. */
    public Digest rootHash() {
        return rootHash;
    }

    /** All levels above level 0, top first, in whole hash blocks; read-only, empty for a small tree. */
    public ByteBuffer upperLevels() {
        return ByteBuffer.wrap(upperLevels).asReadOnlyBuffer();
    }

    private static byte[] level1(VerityGeometry geometry, List<PartHashes> parts) {
        long bytes = 0;
        for (int i = 0; i < parts.size(); i++) {
            PartHashes part = parts.get(i);
            boolean last = i == parts.size() - 1;
            if (!part.geometry().equals(geometry) || (!last && part.dataBlocks() % geometry.hashesPerBlock() != 0)) {
                throw new IllegalArgumentException("part " + i + " of " + part.dataBlocks() + " data blocks and "
                        + part.geometry() + " does not fill whole hash blocks of " + geometry);
            }
            bytes += part.level1InPlace().length;
        }
        ByteBuffer level1 = ByteBuffer.allocate(Math.toIntExact(bytes));
        parts.forEach(part -> level1.put(part.level1InPlace()));
        return level1.array();
    }
}
