package io.lamina.images.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.lamina.images.testing.Programs;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.testing.Machine;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FlattenedDeviceTest {
    private static final int UNIT = FlattenedDevice.PART_ALIGNMENT_BYTES;

    @TempDir
    Path directory;

    @Test
    void veritysetupVerifiesTheRawDeviceAndNoticesATamperedByte() throws Exception {
        Machine.needsProgram("veritysetup");
        long seed = 0xde1;
        Random random = new Random(seed);
        for (int round = 0; round < 12; round++) {
            VerityGeometry geometry = new VerityGeometry(round % 3 == 0 ? 512 : 4096, 4096);
            FlattenedDevice device = FlattenedDevice.compose(randomParts(random, geometry));
            Path raw = write(device, "raw");
            String message = "seed " + seed + " round " + round + "\n" + device.list();
            assertEquals(device.sizeBytes(), Files.size(raw), message);
            assertEquals(
                    0,
                    verify(device, raw).status(),
                    message + verify(device, raw).output());
            long offset = random.nextLong(device.sizeBytes());
            Path tampered = write(device.withFlippedByte(offset), "tampered");
            assertEquals(1, differences(raw, tampered), message + offset);
            assertNotEquals(0, verify(device, tampered).status(), message + offset);
        }
    }

    @Test
    void aFlippedByteIsInvertedAndNothingElseChanges() throws Exception {
        FlattenedDevice device = FlattenedDevice.compose(randomParts(new Random(5), VerityGeometry.STANDARD));
        long last = device.sizeBytes() - 1;
        for (long offset : new long[] {0, 4095, 4096, UNIT - 1, UNIT, last - 4096, last}) {
            FlattenedDevice flipped = device.withFlippedByte(offset);
            assertEquals((byte) ~read(device, offset), read(flipped, offset));
            assertEquals(device.sizeBytes(), flipped.sizeBytes());
            assertContiguous(flipped);
            FlattenedDevice back = flipped.withFlippedByte(offset);
            assertEquals(-1, Files.mismatch(write(device, "one"), write(back, "two")));
        }
        assertThrows(IndexOutOfBoundsException.class, () -> device.withFlippedByte(last + 1));
        assertThrows(IndexOutOfBoundsException.class, () -> device.withFlippedByte(-1));
    }

    @Test
    void hashesMadeOnceGiveTheSameDeviceAsHashingAgain() throws Exception {
        byte[] data = new byte[3 * UNIT];
        new Random(9).nextBytes(data);
        Path file = Files.write(directory.resolve("layer"), data);
        Extent extent = new Extent.FileExtent(0, data.length, file, 0);
        byte[] leaves = new byte[data.length / 4096 * VerityGeometry.HASH_BYTES];
        new LeafHasher(VerityGeometry.STANDARD).hash(ByteBuffer.wrap(data), leaves, 0);
        Path leavesFile = Files.write(directory.resolve("leaves"), leaves);
        DevicePart stored = new DevicePart(
                "layer",
                extent,
                new Extent.FileExtent(0, leaves.length, leavesFile, 0),
                PartHashes.ofLeaves(VerityGeometry.STANDARD, ByteBuffer.wrap(leaves)));
        DevicePart hashed = DevicePart.hashing("layer", extent, VerityGeometry.STANDARD);
        FlattenedDevice one = FlattenedDevice.compose(List.of(stored, stored));
        FlattenedDevice two = FlattenedDevice.compose(List.of(hashed, hashed));
        assertEquals(one.rootHash(), two.rootHash());
        assertEquals(-1, Files.mismatch(write(one, "one"), write(two, "two")));
    }

    @Test
    void everyByteIsFoundInItsExtent() throws Exception {
        FlattenedDevice device = FlattenedDevice.compose(randomParts(new Random(11), VerityGeometry.STANDARD));
        assertContiguous(device);
        for (Extent extent : device.extents()) {
            assertEquals(extent, device.extentAt(extent.startByte()));
            assertEquals(extent, device.extentAt(extent.endByte() - 1));
        }
        assertThrows(IndexOutOfBoundsException.class, () -> device.extentAt(device.sizeBytes()));
    }

    @Test
    void everyBlockHasItsLeafWhereTheDeviceSays() throws Exception {
        for (int dataBlockSizeBytes : new int[] {512, 4096}) {
            VerityGeometry geometry = new VerityGeometry(dataBlockSizeBytes, 4096);
            FlattenedDevice device = FlattenedDevice.compose(randomParts(new Random(13), geometry));
            LeafHasher hasher = new LeafHasher(geometry);
            byte[] hash = new byte[VerityGeometry.HASH_BYTES];
            ByteBuffer block = ByteBuffer.allocate(dataBlockSizeBytes);
            ByteBuffer leaf = ByteBuffer.allocate(VerityGeometry.HASH_BYTES);
            try (DeviceReader reader = DeviceReader.open(device)) {
                for (long number = 0; number < device.dataBlocks(); number++) {
                    reader.read(number * dataBlockSizeBytes, block.clear());
                    reader.read(device.leafStartByte(number), leaf.clear());
                    hasher.hash(block.flip(), hash, 0);
                    assertEquals(ByteBuffer.wrap(hash), leaf.flip());
                }
            }
            assertThrows(IndexOutOfBoundsException.class, () -> device.leafStartByte(device.dataBlocks()));
        }
    }

    @Test
    void aFileThatIsTooShortIsAnErrorAndNoZeroes() throws Exception {
        Path file = Files.write(directory.resolve("short"), new byte[UNIT]);
        FlattenedDevice device = FlattenedDevice.compose(
                List.of(DevicePart.hashing("short", new Extent.FileExtent(0, UNIT, file, 0), VerityGeometry.STANDARD)));
        Files.write(file, new byte[UNIT - 1]);
        assertThrows(EOFException.class, () -> write(device, "raw"));
        assertThrows(EOFException.class, () -> read(device, UNIT - 1));
    }

    @Test
    void partsOfOddSizesAreRefused() {
        Extent data = new Extent.ZeroExtent(0, 4096);
        PartHashes hashes = PartHashes.ofZeroes(VerityGeometry.STANDARD, 129);
        Extent leaves = new Extent.ZeroExtent(0, 129L * VerityGeometry.HASH_BYTES);
        assertThrows(IllegalArgumentException.class, () -> new DevicePart("odd", data, leaves, hashes));
    }

    private List<DevicePart> randomParts(Random random, VerityGeometry geometry) throws IOException {
        List<DevicePart> parts = new ArrayList<>();
        int count = 1 + random.nextInt(5);
        for (int i = 0; i < count; i++) {
            byte[] data = new byte[1 + random.nextInt(3 * UNIT)];
            random.nextBytes(data);
            int skipped = random.nextInt(Math.min(data.length, 5000));
            Path file = Files.write(directory.resolve("part" + i + "-" + random.nextInt()), data);
            Extent extent = switch (random.nextInt(4)) {
                case 0 -> new Extent.MemoryExtent(0, ByteBuffer.wrap(data));
                case 1 -> new Extent.ZeroExtent(0, data.length);
                default -> new Extent.FileExtent(0, data.length - skipped, file, skipped);
            };
            parts.add(DevicePart.hashing("part " + i, extent, geometry));
        }
        return parts;
    }

    private static Programs.Result verify(FlattenedDevice device, Path raw) throws Exception {
        return Programs.tryRun(
                "veritysetup",
                "verify",
                "--no-superblock",
                "--hash=sha256",
                "--format=1",
                "--salt=" + "0".repeat(64),
                "--data-block-size=" + device.geometry().dataBlockSizeBytes(),
                "--hash-block-size=" + device.geometry().hashBlockSizeBytes(),
                "--data-blocks=" + device.dataBlocks(),
                "--hash-offset=" + device.hashStartBlock() * device.geometry().hashBlockSizeBytes(),
                raw.toString(),
                raw.toString(),
                device.rootHash().hex());
    }

    private Path write(FlattenedDevice device, String name) throws IOException {
        Path file = directory.resolve(name);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            device.writeRaw(channel);
        }
        return file;
    }

    private static byte read(FlattenedDevice device, long offset) throws IOException {
        try (DeviceReader reader = DeviceReader.open(device)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            reader.read(offset, one);
            return one.get(0);
        }
    }

    private static int differences(Path one, Path two) throws IOException {
        byte[] first = Files.readAllBytes(one);
        byte[] second = Files.readAllBytes(two);
        assertEquals(first.length, second.length);
        int count = 0;
        for (int i = 0; i < first.length; i++) {
            count += first[i] == second[i] ? 0 : 1;
        }
        return count;
    }

    private static void assertContiguous(FlattenedDevice device) {
        long at = 0;
        for (Extent extent : device.extents()) {
            assertEquals(at, extent.startByte());
            at = extent.endByte();
        }
        assertEquals(device.sizeBytes(), at);
    }
}
