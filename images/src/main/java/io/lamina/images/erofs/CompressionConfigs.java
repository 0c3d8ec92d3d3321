package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What an image's compression needs of its reader
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct z_erofs_lz4_cfgs,
 * z_erofs_lzma_cfgs, z_erofs_deflate_cfgs, z_erofs_zstd_cfgs</a>): a record for each algorithm, right behind the
 * superblock, each a length of two bytes and then its fields, at multiples of four bytes.
 *
 * @param algorithms a bit for each, by its number
 * @param lz4 limits of LZ4
 * @param lzmaDictionaryBytes the largest dictionary of MicroLZMA
 * @param deflateWindowBits log2 of the largest window of DEFLATE
 * @param zstdWindowLog log2 of the largest window of Zstandard, less 10
 * @param deduplicated whether files may use the beginnings of each other's extents
 */
public record CompressionConfigs(
        int algorithms,
        Lz4Limits lz4,
        int lzmaDictionaryBytes,
        int deflateWindowBits,
        int zstdWindowLog,
        boolean deduplicated) {
    static final int LZ4 = 0;
    static final int MICRO_LZMA = 1;
    static final int DEFLATE = 2;
    static final int ZSTD = 3;

    /** No compression. */
    public static final CompressionConfigs NONE = new CompressionConfigs(0, Lz4Limits.NONE, 0, 0, 0, false);

    private static final int LONG_RECORD_BYTES = 14;
    private static final int SHORT_RECORD_BYTES = 6;
    private static final int ALIGNMENT = 4;
    private static final int MAX_RECORD_BYTES = 0xFFFF;

    /**
     * Limits of LZ4.
     *
     * @param maxDistance how far back a match reaches; 0 means 65,535
     * @param maxBlocks the largest extent as it is stored, in blocks; 0 means 1
     */
    public record Lz4Limits(int maxDistance, int maxBlocks) {
        static final Lz4Limits NONE = new Lz4Limits(0, 0);

        Lz4Limits union(Lz4Limits other) {
            boolean unlimited = maxDistance == 0 || other.maxDistance == 0;
            return new Lz4Limits(
                    unlimited ? 0 : Math.max(maxDistance, other.maxDistance), Math.max(maxBlocks, other.maxBlocks));
        }
    }

    /** An image with LZ4 alone and no records: its superblock has the distance. */
    static CompressionConfigs lz4(int maxDistance) {
        return new CompressionConfigs(1 << LZ4, new Lz4Limits(maxDistance, 1), 0, 0, 0, false);
    }

    /** Reads the records at {@code startByte}. */
    static CompressionConfigs read(ImageBytes image, int algorithms, long startByte) throws IOException {
        if (algorithms >>> (ZSTD + 1) != 0) {
            throw new UnsupportedImageException(
                    image.name() + ": superblock", "compression algorithms 0x%x are not known".formatted(algorithms));
        }
        Lz4Limits lz4 = Lz4Limits.NONE;
        int[] limits = new int[ZSTD + 1];
        long at = startByte;
        for (int algorithm = LZ4; algorithm <= ZSTD; algorithm++) {
            if ((algorithms & 1 << algorithm) == 0) {
                continue;
            }
            int told = image.u16(at);
            int length = told == 0 ? MAX_RECORD_BYTES + 1 : told;
            long fields = at + Short.BYTES;
            image.check("compression configuration", fields, length);
            if (length < (algorithm <= MICRO_LZMA ? LONG_RECORD_BYTES : SHORT_RECORD_BYTES)) {
                throw image.corrupt(
                        "compression configuration", at, length + " bytes for algorithm " + algorithm + " are too few");
            }
            switch (algorithm) {
                case LZ4 -> lz4 = new Lz4Limits(image.u16(fields), image.u16(fields + Short.BYTES));
                case MICRO_LZMA -> limits[algorithm] = image.i32(fields);
                case DEFLATE -> limits[algorithm] = image.u8(fields);
                default -> limits[algorithm] = image.u8(fields + 1);
            }
            at = roundUp(fields + length);
        }
        return new CompressionConfigs(algorithms, lz4, limits[MICRO_LZMA], limits[DEFLATE], limits[ZSTD], false);
    }

    CompressionConfigs withDeduplication(boolean used) {
        return new CompressionConfigs(algorithms, lz4, lzmaDictionaryBytes, deflateWindowBits, zstdWindowLog, used);
    }

    /** What a reader of both needs. */
    public CompressionConfigs union(CompressionConfigs other) {
        if (algorithms == 0) {
            return other;
        }
        boolean bothHaveLz4 = (algorithms & other.algorithms & 1 << LZ4) != 0;
        Lz4Limits ofOne = (algorithms & 1 << LZ4) != 0 ? lz4 : other.lz4;
        return new CompressionConfigs(
                algorithms | other.algorithms,
                bothHaveLz4 ? lz4.union(other.lz4) : ofOne,
                Math.max(lzmaDictionaryBytes, other.lzmaDictionaryBytes),
                Math.max(deflateWindowBits, other.deflateWindowBits),
                Math.max(zstdWindowLog, other.zstdWindowLog),
                deduplicated || other.deduplicated);
    }

    /** The incompatible features of an image with such compression. */
    int incompat() {
        if (algorithms == 0) {
            return 0;
        }
        return Features.ZERO_PADDING | Features.COMPR_CFGS | (deduplicated ? Features.FRAGMENTS : 0);
    }

    /** Bytes of the records, each rounded up. */
    int bytes() {
        int bytes = 0;
        for (int algorithm = LZ4; algorithm <= ZSTD; algorithm++) {
            if ((algorithms & 1 << algorithm) != 0) {
                bytes += Short.BYTES + (algorithm <= MICRO_LZMA ? LONG_RECORD_BYTES : SHORT_RECORD_BYTES);
            }
        }
        return bytes;
    }

    /** Writes the records at {@code startByte} of zeroed bytes. */
    void write(byte[] head, int startByte) {
        ByteBuffer out = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        int at = startByte;
        for (int algorithm = LZ4; algorithm <= ZSTD; algorithm++) {
            if ((algorithms & 1 << algorithm) == 0) {
                continue;
            }
            int length = algorithm <= MICRO_LZMA ? LONG_RECORD_BYTES : SHORT_RECORD_BYTES;
            out.putShort(at, (short) length);
            int fields = at + Short.BYTES;
            switch (algorithm) {
                case LZ4 ->
                    out.putShort(fields, (short) lz4.maxDistance)
                            .putShort(fields + Short.BYTES, (short) Math.max(1, lz4.maxBlocks));
                case MICRO_LZMA -> out.putInt(fields, lzmaDictionaryBytes);
                case DEFLATE -> out.put(fields, (byte) deflateWindowBits);
                default -> out.put(fields + 1, (byte) zstdWindowLog);
            }
            at = fields + length;
        }
    }

    private static long roundUp(long value) {
        return value + ALIGNMENT - 1 & -ALIGNMENT;
    }
}
