package io.lamina.images.layer;

/** A ustar header being filled, see {@link TarHeader} for its fields. */
final class HeaderBlock {
    private final byte[] block = new byte[TarHeader.BLOCK_BYTES];

    HeaderBlock(char typeflag) {
        TarHeader.writeMagic(block, typeflag);
    }

    /** Sets a text and says whether it fits; if not, its start is there for old programs to see. */
    boolean text(TarHeader.Field field, byte[] text) {
        System.arraycopy(text, 0, block, field.offset(), Math.min(text.length, field.bytes()));
        return text.length <= field.bytes();
    }

    /** All digits of a field but its last byte, which stays NUL. */
    void octal(TarHeader.Field field, long value) {
        int at = field.offset() + field.bytes() - 2;
        long rest = value;
        while (at >= field.offset()) {
            block[at--] = (byte) ('0' + (rest & 7));
            rest >>>= 3;
        }
    }

    /** The block with its checksum. */
    byte[] finished() {
        TarHeader.writeChecksum(block);
        return block;
    }
}
