package io.lamina.images.layer;

/**
 * The side file that turns a layer blob back into the very tar that it was made of. A header, then a deflate stream of
 * operations, each a number of 7 bits to a byte, lowest first: two bits of kind, the rest a length in bytes.
 *
 * <pre>
 * header   magic "LaminaR1", diffID (32 bytes), length of the tar (8 bytes, little endian)
 * LITERAL  as many bytes follow
 * ZEROES   as many zeroes
 * COPY     as many bytes of the blob, from where the last copy ended plus a signed number that follows
 * END      the recipe is complete
 * </pre>
 */
final class TarRecipe {
    static final byte[] MAGIC = {'L', 'a', 'm', 'i', 'n', 'a', 'R', '1'};
    static final int DIFF_ID = 8;
    static final int TAR_LENGTH = 40;
    static final int HEADER_BYTES = 48;

    static final int LITERAL = 0;
    static final int ZEROES = 1;
    static final int COPY = 2;
    static final int END = 3;
    static final int KIND_BITS = 2;
    static final int KIND_MASK = 3;

    private TarRecipe() {}
}
