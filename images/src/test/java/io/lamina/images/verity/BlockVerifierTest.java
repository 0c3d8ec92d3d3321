package io.lamina.images.verity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class BlockVerifierTest {
    @Test
    void theFirstWrongBlockIsFound() {
        byte[] data = new byte[8 * 4096];
        new Random(1).nextBytes(data);
        byte[] leaves = new byte[8 * VerityGeometry.HASH_BYTES];
        new LeafHasher(VerityGeometry.STANDARD).hash(ByteBuffer.wrap(data), leaves, 0);
        BlockVerifier verifier = new BlockVerifier(VerityGeometry.STANDARD);
        ByteBuffer direct = ByteBuffer.allocateDirect(data.length).put(data);
        assertEquals(BlockVerifier.ALL_RIGHT, verifier.firstWrong(direct.flip(), ByteBuffer.wrap(leaves)));
        for (int at : new int[] {0, 4095, 4096, 20_000, data.length - 1}) {
            data[at] ^= 1;
            ByteBuffer consumed = ByteBuffer.wrap(data);
            assertEquals(at / 4096, verifier.firstWrong(consumed, ByteBuffer.wrap(leaves)));
            assertEquals(0, consumed.remaining());
            data[at] ^= 1;
        }
        assertEquals(BlockVerifier.ALL_RIGHT, verifier.firstWrong(ByteBuffer.wrap(data), ByteBuffer.wrap(leaves)));
    }

    @Test
    void dataAndLeavesMustGoTogether() {
        BlockVerifier verifier = new BlockVerifier(VerityGeometry.STANDARD);
        assertThrows(
                IllegalArgumentException.class,
                () -> verifier.firstWrong(ByteBuffer.allocate(4095), ByteBuffer.allocate(32)));
        assertThrows(
                IllegalArgumentException.class,
                () -> verifier.firstWrong(ByteBuffer.allocate(4096), ByteBuffer.allocate(64)));
    }

    @Test
    void verifiedBlocksAreThoseThatWereAdded() {
        long seed = 0xb17;
        Random random = new Random(seed);
        int blocks = 1000;
        VerifiedBlocks verified = new VerifiedBlocks(blocks);
        BitSet model = new BitSet();
        for (int round = 0; round < 20_000; round++) {
            int first = random.nextInt(blocks);
            int count = random.nextInt(Math.min(200, blocks - first) + 1);
            boolean expected = model.nextClearBit(first) >= first + count;
            assertEquals(expected, verified.contains(first, count), "seed " + seed + " round " + round);
            if (round % 400 == 0) {
                verified.add(first, count);
                model.set(first, first + count);
            }
        }
        assertThrows(IndexOutOfBoundsException.class, () -> verified.contains(999, 2));
        assertThrows(IndexOutOfBoundsException.class, () -> verified.add(-1, 1));
    }
}
