package io.lamina.images.device;

import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A part of a flattened device, fsmeta or a layer blob, with the hashes that prove it. Where it starts is settled when
 * the device is put together.
 *
 * @param name what to call it, such as {@code fsmeta} or a diffID
 * @param data its bytes; zeroes fill up what is short of {@code hashes.dataBlocks()} blocks
 * @param leaves the level-0 hashes of all its blocks
 * @param hashes what a tree over several parts needs of it
 */
public record DevicePart(String name, Extent data, Extent leaves, PartHashes hashes) {
    private static final int READ_BYTES = 256 << 10;

    /** Checks that lengths agree, and that the next part can start behind it. */
    public DevicePart {
        long sizeBytes = sizeBytes(hashes);
        if (sizeBytes % FlattenedDevice.PART_ALIGNMENT_BYTES != 0) {
            throw new IllegalArgumentException(
                    name + " has " + sizeBytes + " bytes, no multiple of " + FlattenedDevice.PART_ALIGNMENT_BYTES);
        }
        if (data.lengthBytes() > sizeBytes || leaves.lengthBytes() != hashes.dataBlocks() * VerityGeometry.HASH_BYTES) {
            throw new IllegalArgumentException(name + " has " + data.lengthBytes() + " bytes and "
                    + leaves.lengthBytes() + " bytes of leaves for " + hashes.dataBlocks() + " blocks");
        }
    }

    /** Reads and hashes {@code data}, and keeps the leaves in memory. For what has no stored leaves, such as fsmeta. */
    public static DevicePart hashing(String name, Extent data, VerityGeometry geometry) throws IOException {
        long sizeBytes = Math.ceilDiv(data.lengthBytes(), FlattenedDevice.PART_ALIGNMENT_BYTES)
                * (long) FlattenedDevice.PART_ALIGNMENT_BYTES;
        int blocks = Math.toIntExact(sizeBytes / geometry.dataBlockSizeBytes());
        byte[] leaves = new byte[Math.multiplyExact(blocks, VerityGeometry.HASH_BYTES)];
        LeafHasher hasher = new LeafHasher(geometry);
        ByteBuffer buffer = ByteBuffer.allocate(READ_BYTES);
        Extent moved = data.movedTo(0);
        try (DeviceReader reader = DeviceReader.open(List.of(moved))) {
            int block = 0;
            for (long at = 0; at < sizeBytes; at += READ_BYTES) {
                buffer.clear();
                long there = Math.clamp(moved.lengthBytes() - at, 0, READ_BYTES);
                buffer.limit((int) there);
                reader.read(at, buffer);
                while (buffer.position() < READ_BYTES) {
                    buffer.limit(READ_BYTES).put((byte) 0);
                }
                hasher.hash(buffer.flip(), leaves, block);
                block += READ_BYTES / geometry.dataBlockSizeBytes();
            }
        }
        return new DevicePart(
                name,
                moved,
                new Extent.MemoryExtent(0, ByteBuffer.wrap(leaves)),
                PartHashes.ofLeaves(geometry, ByteBuffer.wrap(leaves)));
    }

    /** Bytes of the part on the device, with the zeroes at its end. */
    public long sizeBytes() {
        return sizeBytes(hashes);
    }

    private static long sizeBytes(PartHashes hashes) {
        return Math.multiplyExact(hashes.dataBlocks(), hashes.geometry().dataBlockSizeBytes());
    }
}
