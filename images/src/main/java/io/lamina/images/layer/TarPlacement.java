package io.lamina.images.layer;

import io.lamina.images.erofs.ChunkIndex;
import io.lamina.images.erofs.Content;
import java.io.IOException;
import java.util.Arrays;

/** Leaves the data in the tar, whose blocks are the blocks of device 1. */
final class TarPlacement implements DataPlacement {
    static final int BLOCK_BITS = 9;
    static final int DEVICE_ID = 1;

    private static final int BLOCK_BYTES = 1 << BLOCK_BITS;
    /** The most chunks of a sparse file: 32 MiB of memory while the tree grows. */
    private static final long MAX_CHUNKS = 1 << 22;

    @Override
    public Content place(TarEntry entry, TarEntry.File file, TarReader tar) throws IOException {
        if (file.sizeBytes() == 0) {
            return Content.Nothing.INSTANCE;
        }
        if (file.storedBytes() == file.sizeBytes()) {
            int bits = ChunkIndex.chunkBlockBitsFor(file.sizeBytes(), BLOCK_BITS);
            if (bits > ChunkIndex.MAX_CHUNK_BLOCK_BITS) {
                throw entry.corrupt("file of " + file.sizeBytes() + " bytes");
            }
            return new Content.Chunks(file.sizeBytes(), bits, new long[] {index(entry, tar.positionBytes())});
        }
        return sparse(entry, file, tar.positionBytes());
    }

    private static Content sparse(TarEntry entry, TarEntry.File file, long dataByte) throws IOException {
        int chunkBits = chunkBits(file);
        long chunks = ((file.sizeBytes() - 1) >> chunkBits) + 1;
        if (chunkBits < BLOCK_BITS || chunks > MAX_CHUNKS || dataByte % BLOCK_BYTES != 0) {
            throw entry.unsupported(
                    "a sparse file whose segments do not lie at whole blocks of the tar cannot be indexed;"
                            + " convert the layer to a plain blob");
        }
        long[] indexes = new long[(int) chunks];
        Arrays.fill(indexes, ChunkIndex.HOLE);
        long stored = dataByte;
        for (int i = 0; i < file.segments().count(); i++) {
            long end = file.segments().endByte(i);
            for (long at = file.segments().startByte(i); at < end; at += 1L << chunkBits) {
                indexes[(int) (at >> chunkBits)] =
                        index(entry, stored + at - file.segments().startByte(i));
            }
            stored += file.segments().lengthBytes(i);
        }
        return new Content.Chunks(file.sizeBytes(), chunkBits - BLOCK_BITS, indexes);
    }

    /** log2 of the largest chunk that all segments start and end at; the last segment may end with the file. */
    private static int chunkBits(TarEntry.File file) {
        long edges = 1L << (BLOCK_BITS + ChunkIndex.MAX_CHUNK_BLOCK_BITS);
        for (int i = 0; i < file.segments().count(); i++) {
            edges |= file.segments().startByte(i);
            if (file.segments().endByte(i) < file.sizeBytes()) {
                edges |= file.segments().endByte(i);
            }
        }
        return Long.numberOfTrailingZeros(edges);
    }

    private static long index(TarEntry entry, long tarByte) throws IOException {
        long block = tarByte >> BLOCK_BITS;
        if (block >= 0xFFFF_FFFFL) {
            throw entry.unsupported(
                    "data at byte " + tarByte + " is beyond what 32-bit numbers of 512-byte blocks reach");
        }
        return ChunkIndex.of(DEVICE_ID, block);
    }
}
