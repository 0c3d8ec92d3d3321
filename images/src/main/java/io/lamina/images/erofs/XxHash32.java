package io.lamina.images.erofs;

/** XXH32, the hash that the attribute filter is made with (github.com/Cyan4973/xxHash v0.8.3, doc/xxhash_spec.md). */
final class XxHash32 {
    private static final int PRIME_1 = 0x9E3779B1;
    private static final int PRIME_2 = 0x85EBCA77;
    private static final int PRIME_3 = 0xC2B2AE3D;
    private static final int PRIME_4 = 0x27D4EB2F;
    private static final int PRIME_5 = 0x165667B1;
    private static final int STRIPE_BYTES = 16;

    private XxHash32() {}

    static int hash(byte[] bytes, int seed) {
        int at = 0;
        int result = seed + PRIME_5;
        if (bytes.length >= STRIPE_BYTES) {
            int a = seed + PRIME_1 + PRIME_2;
            int b = seed + PRIME_2;
            int c = seed;
            int d = seed - PRIME_1;
            for (; at <= bytes.length - STRIPE_BYTES; at += STRIPE_BYTES) {
                a = round(a, word(bytes, at));
                b = round(b, word(bytes, at + 4));
                c = round(c, word(bytes, at + 8));
                d = round(d, word(bytes, at + 12));
            }
            result = Integer.rotateLeft(a, 1)
                    + Integer.rotateLeft(b, 7)
                    + Integer.rotateLeft(c, 12)
                    + Integer.rotateLeft(d, 18);
        }
        result += bytes.length;
        for (; at <= bytes.length - Integer.BYTES; at += Integer.BYTES) {
            result = Integer.rotateLeft(result + word(bytes, at) * PRIME_3, 17) * PRIME_4;
        }
        for (; at < bytes.length; at++) {
            result = Integer.rotateLeft(result + (bytes[at] & 0xFF) * PRIME_5, 11) * PRIME_1;
        }
        result = (result ^ result >>> 15) * PRIME_2;
        result = (result ^ result >>> 13) * PRIME_3;
        return result ^ result >>> 16;
    }

    private static int round(int accumulator, int word) {
        return Integer.rotateLeft(accumulator + word * PRIME_2, 13) * PRIME_1;
    }

    private static int word(byte[] bytes, int at) {
        return (bytes[at] & 0xFF)
                | (bytes[at + 1] & 0xFF) << 8
                | (bytes[at + 2] & 0xFF) << 16
                | (bytes[at + 3] & 0xFF) << 24;
    }
}
