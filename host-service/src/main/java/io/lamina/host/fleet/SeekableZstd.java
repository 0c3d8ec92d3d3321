package io.lamina.host.fleet;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import io.lamina.images.device.FlattenedDevice;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * Zstandard in frames of 512 KiB, with a seek table at the end (facebook/zstd v1.5.7,
 * contrib/seekable_format/zstd_seekable_compression_format.md):
 *
 * <pre>
 * frame…                       each holds 524288 bytes, the blocks that one block of level-0 hashes covers
 * skippable frame 0x184D2A5E
 *   entry…                     u32 compressed size, u32 size
 *   u32 frames, u8 0, u32 0x8F92EAB1
 * </pre>
 *
 * <p>All numbers are little-endian. A decoder that knows nothing of it passes over the last frame. The same bytes give the same frames.
 */
final class SeekableZstd {
    /** What one frame holds; the last may hold less. */
    static final int FRAME_BYTES = FlattenedDevice.PART_ALIGNMENT_BYTES;

    /** Near what gzip layers have, published once and fetched often. */
    private static final int LEVEL = 9;

    private static final int SKIPPABLE_MAGIC = 0x184D2A5E;
    private static final int SEEKABLE_MAGIC = 0x8F92EAB1;
    private static final int ENTRY_BYTES = 8;
    private static final int FOOTER_BYTES = 9;

    private SeekableZstd() {}

    /** Compresses all of {@code source}. */
    static void write(FileChannel source, OutputStream out) throws IOException {
        long sizeBytes = source.size();
        int frames = Math.toIntExact(Math.ceilDiv(sizeBytes, FRAME_BYTES));
        int tableBytes = Math.addExact(Math.multiplyExact(frames, ENTRY_BYTES), FOOTER_BYTES);
        ByteBuffer table = ByteBuffer.allocate(8 + tableBytes).order(ByteOrder.LITTLE_ENDIAN);
        table.putInt(SKIPPABLE_MAGIC).putInt(tableBytes);
        byte[] plain = new byte[FRAME_BYTES];
        byte[] packed = new byte[(int) Zstd.compressBound(FRAME_BYTES)];
        try (ZstdCompressCtx context = new ZstdCompressCtx()) {
            context.setLevel(LEVEL).setContentSize(true).setChecksum(false);
            for (long at = 0; at < sizeBytes; at += FRAME_BYTES) {
                int count = (int) Math.min(FRAME_BYTES, sizeBytes - at);
                fill(source, at, ByteBuffer.wrap(plain, 0, count));
                int length = context.compressByteArray(packed, 0, packed.length, plain, 0, count);
                out.write(packed, 0, length);
                table.putInt(length).putInt(count);
            }
        }
        table.putInt(frames).put((byte) 0).putInt(SEEKABLE_MAGIC);
        out.write(table.array());
    }

    private static void fill(FileChannel source, long startByte, ByteBuffer into) throws IOException {
        int start = into.position();
        while (into.hasRemaining()) {
            if (source.read(into, startByte + into.position() - start) < 0) {
                throw new EOFException("the file became shorter");
            }
        }
    }
}
