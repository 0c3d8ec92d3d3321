package io.lamina.images.testing;

import java.util.Arrays;
import java.util.Random;

/** Damages bytes as fuzzers do: flips, overwrites, cuts, repeats; the same seed gives the same damage. */
public final class Mutations {
    private Mutations() {}

    /** A damaged copy of {@code original}, which has at least one byte; may by chance be equal to it. */
    public static byte[] mutate(byte[] original, Random random) {
        byte[] bytes = original.clone();
        int rounds = 1 + random.nextInt(4);
        for (int i = 0; i < rounds && bytes.length > 0; i++) {
            bytes = mutateOnce(bytes, random);
        }
        return bytes;
    }

    private static byte[] mutateOnce(byte[] bytes, Random random) {
        int at = random.nextInt(bytes.length);
        int other = random.nextInt(bytes.length);
        int length = Math.min(1 + random.nextInt(64), bytes.length - Math.max(at, other));
        switch (random.nextInt(7)) {
            case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> bytes[at] = (byte) random.nextInt(256);
            case 2 -> bytes[at] = new byte[] {0, -1, 0x7f, (byte) 0x80}[random.nextInt(4)];
            case 3 -> System.arraycopy(bytes, other, bytes, at, length);
            case 4 -> bytes = Arrays.copyOf(bytes, at);
            case 5 -> bytes = splice(bytes, at, other, length);
            default -> {
                byte[] cut = new byte[bytes.length - length];
                System.arraycopy(bytes, 0, cut, 0, at);
                System.arraycopy(bytes, at + length, cut, at, cut.length - at);
                bytes = cut;
            }
        }
        return bytes;
    }

    /** Repeats {@code length} bytes from {@code other} before {@code at}. */
    private static byte[] splice(byte[] bytes, int at, int other, int length) {
        byte[] longer = new byte[bytes.length + length];
        System.arraycopy(bytes, 0, longer, 0, at);
        System.arraycopy(bytes, other, longer, at, length);
        System.arraycopy(bytes, at, longer, at + length, bytes.length - at);
        return longer;
    }
}
