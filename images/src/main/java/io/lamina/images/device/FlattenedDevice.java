package io.lamina.images.device;

import io.lamina.images.oci.Digest;
import io.lamina.images.verity.HashTree;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * One linear address space: fsmeta, each layer blob, then the hash tree that proves them. A list of extents and a few
 * numbers; nothing is open and nothing is copied. Immutable.
 */
public final class FlattenedDevice {
    /** Parts start at multiples of this: their leaves then fill whole hash blocks. */
    public static final int PART_ALIGNMENT_BYTES = 512 << 10;

    private static final int TAMPERED_BYTES = 4096;

    private final List<Extent> extents;
    private final VerityGeometry geometry;
    private final long dataBlocks;
    private final Digest rootHash;

    private FlattenedDevice(List<Extent> extents, VerityGeometry geometry, long dataBlocks, Digest rootHash) {
        this.extents = List.copyOf(extents);
        this.geometry = geometry;
        this.dataBlocks = dataBlocks;
        this.rootHash = rootHash;
    }

    /** Puts {@code parts} one after the other, fsmeta first, and the tree over them behind. */
    public static FlattenedDevice compose(List<DevicePart> parts) {
        HashTree tree = HashTree.compose(parts.stream().map(DevicePart::hashes).toList());
        Assembly assembly = new Assembly();
        for (DevicePart part : parts) {
            long end = assembly.end + part.sizeBytes();
            assembly.add(part.data());
            assembly.zeroesTo(end);
        }
        ByteBuffer upperLevels = tree.upperLevels();
        if (upperLevels.hasRemaining()) {
            assembly.add(new Extent.MemoryExtent(0, upperLevels));
        }
        parts.forEach(part -> assembly.add(part.leaves()));
        return new FlattenedDevice(assembly.extents, tree.geometry(), tree.dataBlocks(), tree.rootHash());
    }

    /** The extents in order: from byte 0 to the device's end without a gap. */
    public List<Extent> extents() {
        return extents;
    }

    /** The extent that {@code byteOffset} lies in. */
    public Extent extentAt(long byteOffset) {
        return Extents.at(extents, byteOffset);
    }

    /** Shape of the hash tree. */
    public VerityGeometry geometry() {
        return geometry;
    }

    /** Blocks that the root hash proves. */
    public long dataBlocks() {
        return dataBlocks;
    }

    /** Where the hash tree starts, in hash blocks. */
    public long hashStartBlock() {
        return dataBlocks * geometry.dataBlockSizeBytes() / geometry.hashBlockSizeBytes();
    }

    /**
     * Where the level-0 hash of data block {@code dataBlock} lies on the device; that of the next block follows it.
     *
     * @param dataBlock 0 to {@link #dataBlocks} - 1
     */
    public long leafStartByte(long dataBlock) {
        long level0Bytes = geometry.levelBlocks(dataBlocks, 0) * geometry.hashBlockSizeBytes();
        return sizeBytes() - level0Bytes + Objects.checkIndex(dataBlock, dataBlocks) * VerityGeometry.HASH_BYTES;
    }

    /** dm-verity's root hash. */
    public Digest rootHash() {
        return rootHash;
    }

    /** Bytes of data and tree. */
    public long sizeBytes() {
        return extents.getLast().endByte();
    }

    /**
     * This device as it would be with one byte inverted on the way to the guest: root hash and sizes stay, so a guest
     * that checks must notice. The block around the byte is read now and kept in memory.
     *
     * @param byteOffset which byte, 0 to {@link #sizeBytes} - 1
     */
    public FlattenedDevice withFlippedByte(long byteOffset) throws IOException {
        long blockStart = byteOffset - Math.floorMod(byteOffset, TAMPERED_BYTES);
        extentAt(byteOffset);
        ByteBuffer block = ByteBuffer.allocate((int) Math.min(TAMPERED_BYTES, sizeBytes() - blockStart));
        try (DeviceReader reader = DeviceReader.open(this)) {
            reader.read(blockStart, block);
        }
        int at = (int) (byteOffset - blockStart);
        block.put(at, (byte) ~block.get(at));
        Extent patch = new Extent.MemoryExtent(blockStart, block.flip());
        return new FlattenedDevice(Extents.replaced(extents, patch), geometry, dataBlocks, rootHash);
    }

    /** As {@link #withRestIn(Path, Predicate)}, where all files stay. */
    public FlattenedDevice withRestIn(Path file) throws IOException {
        return withRestIn(file, _ -> true);
    }

    /**
     * This device with all that is in no file that stays written to {@code file}, zeroes as holes: the same bytes
     * elsewhere. For descriptions that can name nothing but files.
     *
     * @param file is made, or emptied first
     * @param stays whether a file of an extent is still there when the description is read; memory files are not
     */
    public FlattenedDevice withRestIn(Path file, Predicate<Path> stays) throws IOException {
        List<Extent> stored = new ArrayList<>();
        try (DeviceReader reader = DeviceReader.open(this);
                FileChannel target = FileChannel.open(
                        file,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
            long end = 0;
            for (Extent extent : extents) {
                if (extent instanceof Extent.FileExtent kept && stays.test(kept.file())) {
                    stored.add(extent);
                    continue;
                }
                RawWriter.write(extent.movedTo(end), reader, target);
                stored.add(new Extent.FileExtent(extent.startByte(), extent.lengthBytes(), file, end));
                end += extent.lengthBytes();
            }
            RawWriter.extendTo(target, end);
        }
        return new FlattenedDevice(stored, geometry, dataBlocks, rootHash);
    }

    /** The same device, where a file goes by another name: it was, or will be, moved there. */
    public FlattenedDevice withFileNamed(Path before, Path after) {
        List<Extent> renamed = new ArrayList<>();
        for (Extent extent : extents) {
            renamed.add(
                    extent instanceof Extent.FileExtent file && file.file().equals(before)
                            ? new Extent.FileExtent(file.startByte(), file.lengthBytes(), after, file.fileOffsetBytes())
                            : extent);
        }
        return new FlattenedDevice(renamed, geometry, dataBlocks, rootHash);
    }

    /** Writes the device to {@code target}, from its byte 0 on; zeroes become holes. Anything there before is lost. */
    public void writeRaw(FileChannel target) throws IOException {
        writeRaw(target, 0, sizeBytes());
    }

    /** Writes the hash tree alone to {@code target}, as veritysetup's hash device without a superblock. */
    public void writeHashTree(FileChannel target) throws IOException {
        writeRaw(target, hashStartBlock() * geometry.hashBlockSizeBytes(), sizeBytes());
    }

    /** One line for each extent: first byte, length in bytes, source. */
    public String list() {
        StringBuilder lines = new StringBuilder();
        for (Extent extent : extents) {
            lines.append(extent.startByte())
                    .append(' ')
                    .append(extent.lengthBytes())
                    .append(' ')
                    .append(extent)
                    .append('\n');
        }
        return lines.toString();
    }

    private void writeRaw(FileChannel target, long fromByte, long toByte) throws IOException {
        target.truncate(0);
        try (DeviceReader reader = DeviceReader.open(this)) {
            for (Extent extent : extents) {
                long from = Math.max(extent.startByte(), fromByte);
                long to = Math.min(extent.endByte(), toByte);
                if (from < to) {
                    RawWriter.write(extent.slice(from, to).movedTo(from - fromByte), reader, target);
                }
            }
        }
        RawWriter.extendTo(target, toByte - fromByte);
    }

    /** Extents in the making. */
    private static final class Assembly {
        private final List<Extent> extents = new ArrayList<>();
        private long end;

        void add(Extent extent) {
            Extent moved = extent.movedTo(end);
            extents.add(moved);
            end = moved.endByte();
        }

        void zeroesTo(long byteOffset) {
            if (end < byteOffset) {
                add(new Extent.ZeroExtent(end, byteOffset - end));
            }
        }
    }
}
