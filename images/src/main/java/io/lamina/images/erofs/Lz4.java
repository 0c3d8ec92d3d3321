package io.lamina.images.erofs;

/**
 * Decodes one LZ4 block (github.com/lz4/lz4 v1.10.0, doc/lz4_Block_format.md). Hostile input ends with fewer bytes than
 * asked for, never outside of the arrays.
 */
final class Lz4 {
    private static final int MIN_MATCH = 4;
    private static final int NIBBLE = 15;
    private static final int OFFSET_BYTES = 2;

    private final byte[] input;
    private final int end;
    private final byte[] output;
    private int in;
    private int out;

    private Lz4(byte[] input, int start, int end, byte[] output) {
        this.input = input;
        this.in = start;
        this.end = end;
        this.output = output;
    }

    /** Decodes until {@code output} is full or the input ends or breaks a rule, and says whether it is full. */
    static boolean decode(byte[] input, int start, int end, byte[] output) {
        Lz4 block = new Lz4(input, start, end, output);
        while (block.out < output.length) {
            if (!block.sequence()) {
                return false;
            }
        }
        return true;
    }

    /** Literals, and then a match unless the output is full; false if the input does not allow it. */
    private boolean sequence() {
        if (in == end) {
            return false;
        }
        int token = input[in++] & 0xFF;
        int literals = Math.min(length(token >>> 4), output.length - out);
        if (literals > end - in) {
            return false;
        }
        System.arraycopy(input, in, output, out, literals);
        in += literals;
        out += literals;
        if (out == output.length) {
            return true;
        }
        if (end - in < OFFSET_BYTES) {
            return false;
        }
        int offset = (input[in] & 0xFF) | (input[in + 1] & 0xFF) << 8;
        in += OFFSET_BYTES;
        if (offset == 0 || offset > out) {
            return false;
        }
        int match = Math.min(length(token & NIBBLE), output.length) + MIN_MATCH;
        int copyEnd = Math.min(match, output.length - out) + out;
        for (; out < copyEnd; out++) {
            output[out] = output[out - offset]; // may overlap, which repeats
        }
        return true;
    }

    /** A length of which a nibble is the start; more bytes follow if all its bits are set. */
    private int length(int nibble) {
        int length = nibble;
        int next = nibble == NIBBLE ? 255 : 0;
        while (next == 255 && in < end) {
            next = input[in++] & 0xFF;
            length += next; // at most 255 times the input's length, which fits an int for stored extents of 1 MiB
        }
        return length;
    }
}
