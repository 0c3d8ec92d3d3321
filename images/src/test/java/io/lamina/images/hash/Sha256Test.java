package io.lamina.images.hash;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.lamina.linux.testing.Machine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class Sha256Test {
    /** FIPS 180-4's example of one block, and the empty message. */
    @Test
    void knownMessagesGiveTheirDigests() {
        for (Sha256 way : ways()) {
            assertEquals("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hex(way.digest()));
            way.update(MemorySegment.ofArray(new byte[] {'a', 'b', 'c'}), 0, 3);
            assertEquals("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hex(way.digest()));
        }
    }

    @Test
    void bothWaysAgreeOnMemoryOfBothKindsInAnyPieces() {
        SplittableRandom random = new SplittableRandom(256);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment outside = arena.allocate(300_000);
            byte[] bytes = new byte[300_000];
            random.nextBytes(bytes);
            MemorySegment onHeap = MemorySegment.ofArray(bytes);
            outside.copyFrom(onHeap);
            for (int round = 0; round < 300; round++) {
                List<Sha256> ways = ways();
                for (int piece = random.nextInt(4); piece >= 0; piece--) {
                    int start = random.nextInt(bytes.length);
                    int length = random.nextInt(bytes.length - start);
                    ways.get(0).update(random.nextBoolean() ? onHeap : outside, start, length);
                    ways.get(1).update(random.nextBoolean() ? onHeap : outside, start, length);
                }
                assertArrayEquals(ways.get(0).digest(), ways.get(1).digest(), "round " + round);
            }
        }
    }

    @Test
    void everyComputationBehindAPrefixStartsWithIt() {
        SplittableRandom random = new SplittableRandom(257);
        for (int length = 0; length < 200; length += 1 + random.nextInt(20)) {
            byte[] prefix = new byte[length];
            random.nextBytes(prefix);
            Sha256 whole = Sha256.create();
            for (Sha256 way : ways(prefix)) {
                for (byte tail = 0; tail < 3; tail++) {
                    MemorySegment message = MemorySegment.ofArray(new byte[] {tail, 1, 2});
                    whole.update(MemorySegment.ofArray(prefix), 0, length);
                    whole.update(message, 0, 3);
                    way.update(message, 0, 3);
                    assertArrayEquals(whole.digest(), way.digest(), length + " bytes, then " + tail);
                }
            }
        }
    }

    @Test
    void whatLiesOutsideIsRefused() {
        MemorySegment bytes = MemorySegment.ofArray(new byte[10]);
        for (Sha256 way : ways()) {
            assertThrows(IndexOutOfBoundsException.class, () -> way.update(bytes, 5, 6));
            assertThrows(IndexOutOfBoundsException.class, () -> way.update(bytes, -1, 2));
            assertThrows(IndexOutOfBoundsException.class, () -> way.digest(new byte[40], 9));
        }
    }

    private static List<Sha256> ways() {
        return ways(new byte[0]);
    }

    private static List<Sha256> ways(byte[] prefix) {
        Machine.need(LibCrypto.isInstalled(), "the library libcrypto.so.3");
        return List.of(new JdkSha256(prefix), new LibCryptoSha256(prefix));
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
