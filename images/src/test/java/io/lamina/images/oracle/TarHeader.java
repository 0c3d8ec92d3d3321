package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Arrays;

/** One header block of a tar as the tests write it (POSIX ustar, and GNU's {@code tar.h}). */
final class TarHeader {
    static final int NAME = 0;
    static final int MODE = 100;
    static final int UID = 108;
    static final int GID = 116;
    static final int SIZE = 124;
    static final int MTIME = 136;
    static final int LINK_NAME = 157;
    static final int DEVICE_MAJOR = 329;
    static final int DEVICE_MINOR = 337;

    private static final int CHECKSUM = 148;
    private static final int TYPE = 156;
    private static final int MAGIC = 257;
    private static final int PREFIX = 345;
    private static final int PREFIX_BYTES = 155;

    private final byte[] block = new byte[TarWriter.BLOCK_BYTES];

    TarHeader(char type) {
        block[TYPE] = (byte) type;
        number(MODE, 8, 0);
        number(UID, 8, 0);
        number(GID, 8, 0);
        number(SIZE, 12, 0);
        number(MTIME, 12, 0);
    }

    private TarHeader() {}

    /** A block of zeroes, for GNU's continuation of a sparse map. */
    static TarHeader empty() {
        return new TarHeader();
    }

    /** Sets the type flag. */
    void type(char type) {
        block[TYPE] = (byte) type;
    }

    /** Writes {@code value} in octal with a NUL behind it, or in base 256 when it does not fit so. */
    void number(int offset, int width, long value) {
        if (value >= 0 && value < 1L << (3 * (width - 1))) {
            bytes(offset, width, String.format("%0" + (width - 1) + "o\0", value));
            return;
        }
        for (int i = 0; i < width; i++) {
            int shift = 8 * (width - 1 - i);
            block[offset + i] = (byte) (shift >= Long.SIZE ? value >> 63 : value >> shift);
        }
        block[offset] = (byte) (value < 0 ? 0xff : 0x80);
    }

    /** Writes as many bytes of {@code text} as the field holds. */
    void bytes(int offset, int width, String text) {
        byte[] bytes = text.getBytes(ISO_8859_1);
        Arrays.fill(block, offset, offset + width, (byte) 0);
        System.arraycopy(bytes, 0, block, offset, Math.min(width, bytes.length));
    }

    /** Writes a name into name and prefix, if it can be split so; else what fits of it. */
    boolean splitName(String name) {
        bytes(NAME, 100, name);
        if (name.length() <= 100) {
            return true;
        }
        int slash = name.lastIndexOf('/', Math.min(PREFIX_BYTES, name.length() - 2));
        if (slash <= 0 || name.length() - slash - 1 > 100) {
            return false;
        }
        bytes(NAME, 100, name.substring(slash + 1));
        bytes(PREFIX, PREFIX_BYTES, name.substring(0, slash));
        return true;
    }

    /** The block as POSIX has it. */
    byte[] ustar() {
        bytes(MAGIC, 8, "ustar\00000");
        return summed();
    }

    /** The block as GNU tar has it. */
    byte[] gnu() {
        bytes(MAGIC, 8, "ustar  \0");
        return summed();
    }

    /** The block without magic and checksum. */
    byte[] unsummed() {
        return block.clone();
    }

    private byte[] summed() {
        bytes(CHECKSUM, 8, "        ");
        int sum = 0;
        for (byte b : block) {
            sum += b & 0xff;
        }
        bytes(CHECKSUM, 8, String.format("%06o\0 ", sum));
        return block.clone();
    }
}
