package io.lamina.images.erofs;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.SequenceInputStream;
import org.tukaani.xz.LZMAInputStream;

/**
 * Decodes MicroLZMA (XZ Utils 5.8, liblzma/api/lzma/container.h, lzma_microlzma_decoder): an LZMA stream without header
 * or end mark, whose first byte, always 0 in LZMA, is the inverted byte of lc, lp and pb.
 */
final class MicroLzma {
    /** The decoder takes a dictionary of its own, at least so large. */
    private static final int MIN_DICTIONARY_BYTES = 4096;

    private static final int MAX_PROPERTIES = (4 * 5 + 4) * 9 + 8;

    private MicroLzma() {}

    /**
     * Decodes until {@code output} is full, and says whether it is.
     *
     * @param dictionaryBytes the superblock's limit; no more is taken than the output can need
     */
    static boolean decode(byte[] input, int start, int dictionaryBytes, byte[] output) {
        if (start >= input.length) {
            return false;
        }
        int properties = ~input[start] & 0xFF;
        if (properties > MAX_PROPERTIES) {
            return false;
        }
        int told = dictionaryBytes <= 0 ? output.length : Math.min(dictionaryBytes, output.length);
        var stream = new SequenceInputStream(
                new ByteArrayInputStream(new byte[1]),
                new ByteArrayInputStream(input, start + 1, input.length - start - 1));
        // No size is told, so that the output may be a part of what was compressed.
        try (LZMAInputStream lzma =
                new LZMAInputStream(stream, -1, (byte) properties, Math.max(MIN_DICTIONARY_BYTES, told))) {
            return lzma.readNBytes(output, 0, output.length) == output.length;
        } catch (IOException broken) {
            return false;
        }
    }
}
