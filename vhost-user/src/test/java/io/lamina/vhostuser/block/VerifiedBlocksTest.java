package io.lamina.vhostuser.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class VerifiedBlocksTest {
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
