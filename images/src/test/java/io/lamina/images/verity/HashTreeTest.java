package io.lamina.images.verity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.lamina.images.testing.Programs;
import io.lamina.linux.testing.Machine;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class HashTreeTest {
    private static final String SALT = "0".repeat(64);

    @TempDir
    Path directory;

    @Test
    void treesOfEverySmallSizeAreThoseOfVeritysetup() throws Exception {
        Machine.needsProgram("veritysetup");
        for (int blocks : new int[] {1, 2, 3, 127, 128, 129, 255, 256, 257, 16383, 16384, 16385}) {
            compareWithVeritysetup(
                    new VerityGeometry(512, 4096), randomBytes(blocks * 512, blocks), "blocks " + blocks);
        }
        for (int blocks : new int[] {1, 2, 127, 128, 129, 300}) {
            compareWithVeritysetup(VerityGeometry.STANDARD, randomBytes(blocks * 4096, blocks), "blocks " + blocks);
            compareWithVeritysetup(
                    new VerityGeometry(1024, 512), randomBytes(blocks * 1024, blocks), "blocks " + blocks);
        }
    }

    @Test
    void composedTreesOfRandomStacksAreThoseOfVeritysetup() throws Exception {
        Machine.needsProgram("veritysetup");
        long seed = 0x1ea7;
        Random random = new Random(seed);
        for (int round = 0; round < 40; round++) {
            VerityGeometry geometry = new VerityGeometry(random.nextBoolean() ? 4096 : 512, 4096);
            ByteArrayOutputStream flat = new ByteArrayOutputStream();
            List<PartHashes> parts = new ArrayList<>();
            ByteArrayOutputStream level0 = new ByteArrayOutputStream();
            int count = 1 + random.nextInt(6);
            for (int i = 0; i < count; i++) {
                int blocks = 128 * (1 + random.nextInt(4)) - (i == count - 1 ? random.nextInt(128) : 0);
                boolean zero = random.nextInt(4) == 0;
                byte[] data = new byte[blocks * geometry.dataBlockSizeBytes()];
                if (!zero) {
                    random.nextBytes(data);
                }
                flat.writeBytes(data);
                byte[] leaves = leaves(geometry, data);
                level0.writeBytes(leaves);
                PartHashes part = zero
                        ? PartHashes.ofZeroes(geometry, blocks)
                        : PartHashes.ofLeaves(geometry, ByteBuffer.wrap(leaves));
                parts.add(blocks > 1 ? PartHashes.stored(geometry, blocks, part.level1()) : part);
            }
            compare(geometry, flat.toByteArray(), parts, level0.toByteArray(), "seed " + seed + " round " + round);
        }
    }

    @Test
    void oneZeroBlockHasItsLeafAsRoot() {
        byte[] leaf = PartHashes.zeroLeaves(VerityGeometry.STANDARD, 1);
        assertArrayEquals(
                leaf, PartHashes.ofZeroes(VerityGeometry.STANDARD, 1).rootHash().bytes());
    }

    @Test
    void partsThatDoNotFillHashBlocksAreRefusedInTheMiddle() {
        List<PartHashes> parts = List.of(
                PartHashes.ofZeroes(VerityGeometry.STANDARD, 129), PartHashes.ofZeroes(VerityGeometry.STANDARD, 128));
        assertThrows(IllegalArgumentException.class, () -> HashTree.compose(parts));
        assertEquals(257, HashTree.compose(parts.reversed()).dataBlocks());
    }

    private void compareWithVeritysetup(VerityGeometry geometry, byte[] data, String message) throws Exception {
        byte[] leaves = leaves(geometry, data);
        compare(geometry, data, List.of(PartHashes.ofLeaves(geometry, ByteBuffer.wrap(leaves))), leaves, message);
    }

    private void compare(VerityGeometry geometry, byte[] data, List<PartHashes> parts, byte[] level0, String message)
            throws Exception {
        HashTree tree = HashTree.compose(parts);
        Path dataFile = Files.write(directory.resolve("data"), data);
        Path hashFile = directory.resolve("hash");
        Files.deleteIfExists(hashFile);
        String output = Programs.run(
                "veritysetup",
                "format",
                "--no-superblock",
                "--hash=sha256",
                "--format=1",
                "--salt=" + SALT,
                "--data-block-size=" + geometry.dataBlockSizeBytes(),
                "--hash-block-size=" + geometry.hashBlockSizeBytes(),
                dataFile.toString(),
                hashFile.toString());
        assertEquals(rootOf(output), tree.rootHash().hex(), message);
        long blocks = data.length / geometry.dataBlockSizeBytes();
        assertEquals(blocks, tree.dataBlocks(), message);
        byte[] expected = Files.readAllBytes(hashFile);
        if (blocks > 1) {
            ByteArrayOutputStream ours = new ByteArrayOutputStream();
            byte[] upper = new byte[tree.upperLevels().remaining()];
            tree.upperLevels().get(upper);
            ours.writeBytes(upper);
            int padded = Math.ceilDiv(level0.length, geometry.hashBlockSizeBytes()) * geometry.hashBlockSizeBytes();
            ours.writeBytes(Arrays.copyOf(level0, padded));
            assertArrayEquals(expected, ours.toByteArray(), message);
        }
        assertEquals(expected.length, geometry.hashBlocks(blocks) * geometry.hashBlockSizeBytes(), message);
    }

    private static String rootOf(String output) {
        return Stream.of(output.split("\n"))
                .filter(line -> line.startsWith("Root hash:"))
                .map(line -> line.substring("Root hash:".length()).strip())
                .findFirst()
                .orElseThrow();
    }

    private static byte[] leaves(VerityGeometry geometry, byte[] data) {
        byte[] leaves = new byte[data.length / geometry.dataBlockSizeBytes() * VerityGeometry.HASH_BYTES];
        new LeafHasher(geometry).hash(ByteBuffer.wrap(data), leaves, 0);
        return leaves;
    }

    private static byte[] randomBytes(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }
}
