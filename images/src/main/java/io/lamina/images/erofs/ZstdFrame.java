package io.lamina.images.erofs;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;

/** Decodes one frame of Zstandard (RFC 8878). */
final class ZstdFrame {
    /** A frame may take all it decodes to for its window: {@link FileExtents#MAX_EXTENT_BYTES}. */
    private static final int MAX_WINDOW_LOG = 24;

    private ZstdFrame() {}

    /** Decodes until {@code output} is full, and says whether it is. */
    static boolean decode(byte[] input, int start, byte[] output) {
        var frame = new ByteArrayInputStream(input, start, input.length - start);
        try (ZstdInputStreamNoFinalizer zstd = new ZstdInputStreamNoFinalizer(frame).setLongMax(MAX_WINDOW_LOG)) {
            return zstd.readNBytes(output, 0, output.length) == output.length;
        } catch (IOException broken) {
            return false;
        }
    }
}
