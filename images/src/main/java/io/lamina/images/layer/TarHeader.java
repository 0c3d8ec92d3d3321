package io.lamina.images.layer;

import java.util.Arrays;

/**
 * The header block of a tar entry, 512 bytes: POSIX ustar (IEEE Std 1003.1-2017, pax, "ustar Interchange Format") and GNU's
 * variant (<a href="https://www.gnu.org/software/tar/manual/html_node/Standard.html">GNU tar, Basic Tar Format</a>).
 */
final class TarHeader {
    /** Size of a header and unit of everything in a tar. */
    static final int BLOCK_BYTES = 512;

    /** A field of the header. */
    enum Field {
        NAME(0, 100),
        MODE(100, 8),
        UID(108, 8),
        GID(116, 8),
        SIZE(124, 12),
        MTIME(136, 12),
        CHECKSUM(148, 8),
        LINKNAME(157, 100),
        DEVMAJOR(329, 8),
        DEVMINOR(337, 8),
        PREFIX(345, 155),
        STAR_PREFIX(345, 131),
        GNU_REAL_SIZE(483, 12);

        private final int offset;
        private final int bytes;

        Field(int offset, int bytes) {
            this.offset = offset;
            this.bytes = bytes;
        }

        int offset() {
            return offset;
        }

        int bytes() {
            return bytes;
        }
    }

    /** Where GNU's sparse map starts in the header, its entries there, and the flag that more follow. */
    static final int GNU_SPARSE = 386;

    static final int GNU_SPARSE_ENTRIES = 4;
    static final int GNU_IS_EXTENDED = 482;
    /** The same in the blocks that follow. */
    static final int GNU_EXTENDED_ENTRIES = 21;

    static final int GNU_EXTENDED_IS_EXTENDED = 504;

    private static final int TYPEFLAG = 156;
    private static final int MAGIC = 257;
    private static final byte[] USTAR = {'u', 's', 't', 'a', 'r', 0};
    private static final byte[] GNU = {'u', 's', 't', 'a', 'r', ' ', ' ', 0};
    private static final int STAR_TRAILER = 508;
    private static final byte[] STAR = {'t', 'a', 'r', 0};
    private static final int BASE_256 = 0x80;

    private final byte[] block = new byte[BLOCK_BYTES];

    /** The block to read a header into. */
    byte[] block() {
        return block;
    }

    boolean isZero() {
        for (byte b : block) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    /** Whether the checksum is that of the bytes, which old programs summed as signed ones. */
    boolean checksumMatches() throws TarNumberException {
        long expected = number(Field.CHECKSUM);
        long unsigned = 0;
        long signed = 0;
        for (int i = 0; i < BLOCK_BYTES; i++) {
            boolean own = i >= Field.CHECKSUM.offset && i < Field.CHECKSUM.offset + Field.CHECKSUM.bytes;
            byte b = own ? (byte) ' ' : block[i];
            unsigned += b & 0xFF;
            signed += b;
        }
        return expected == unsigned || expected == signed;
    }

    /** Makes an empty block a ustar header, version 00. */
    static void writeMagic(byte[] block, char typeflag) {
        block[TYPEFLAG] = (byte) typeflag;
        System.arraycopy(USTAR, 0, block, MAGIC, USTAR.length);
        block[MAGIC + USTAR.length] = '0';
        block[MAGIC + USTAR.length + 1] = '0';
    }

    /** Sets the checksum: six octal digits, NUL, space. */
    static void writeChecksum(byte[] block) {
        int start = Field.CHECKSUM.offset;
        Arrays.fill(block, start, start + Field.CHECKSUM.bytes, (byte) ' ');
        int sum = 0;
        for (byte b : block) {
            sum += b & 0xFF;
        }
        for (int i = 5; i >= 0; i--) {
            block[start + i] = (byte) ('0' + (sum & 7));
            sum >>>= 3;
        }
        block[start + 6] = 0;
    }

    char typeflag() {
        return (char) (block[TYPEFLAG] & 0xFF);
    }

    boolean isGnu() {
        return startsWith(MAGIC, GNU);
    }

    /** The name with its prefix. */
    byte[] name() {
        byte[] name = text(Field.NAME);
        if (!startsWith(MAGIC, USTAR)) {
            return name;
        }
        byte[] prefix = text(startsWith(STAR_TRAILER, STAR) ? Field.STAR_PREFIX : Field.PREFIX);
        if (prefix.length == 0) {
            return name;
        }
        byte[] whole = Arrays.copyOf(prefix, prefix.length + 1 + name.length);
        whole[prefix.length] = '/';
        System.arraycopy(name, 0, whole, prefix.length + 1, name.length);
        return whole;
    }

    /** The bytes of a field up to its first NUL. */
    byte[] text(Field field) {
        int end = field.offset;
        while (end < field.offset + field.bytes && block[end] != 0) {
            end++;
        }
        return Arrays.copyOfRange(block, field.offset, end);
    }

    long number(Field field) throws TarNumberException {
        return number(block, field.offset, field.bytes);
    }

    /** A number, in octal digits or, where the first bit is set, as a big-endian two's complement of base 256. */
    static long number(byte[] block, int offset, int bytes) throws TarNumberException {
        return (block[offset] & BASE_256) != 0 ? base256(block, offset, bytes) : octal(block, offset, bytes);
    }

    private static long base256(byte[] block, int offset, int bytes) throws TarNumberException {
        // The first bit is the mark; the next is the sign, and as the mark is set, the byte is sign-extended with it.
        boolean negative = (block[offset] & 0x40) != 0;
        long value = negative ? block[offset] : block[offset] & 0x3F;
        for (int i = 1; i < bytes; i++) {
            if (value > Long.MAX_VALUE >> 8 || value < Long.MIN_VALUE >> 8) {
                throw new TarNumberException("a number of more than 64 bits");
            }
            value = (value << 8) | (block[offset + i] & 0xFF);
        }
        return value;
    }

    private static long octal(byte[] block, int offset, int bytes) throws TarNumberException {
        int start = offset;
        int end = offset + bytes;
        while (start < end && isPadding(block[start])) {
            start++;
        }
        while (end > start && isPadding(block[end - 1])) {
            end--;
        }
        long value = 0;
        for (int i = start; i < end; i++) {
            if (block[i] == 0) {
                break;
            }
            if (block[i] < '0' || block[i] > '7') {
                throw new TarNumberException("byte 0x%02x in an octal number".formatted(block[i] & 0xFF));
            }
            value = (value << 3) | (block[i] - '0');
        }
        return value;
    }

    private static boolean isPadding(byte b) {
        return b == 0 || b == ' ';
    }

    private boolean startsWith(int offset, byte[] bytes) {
        return Arrays.equals(block, offset, offset + bytes.length, bytes, 0, bytes.length);
    }
}
