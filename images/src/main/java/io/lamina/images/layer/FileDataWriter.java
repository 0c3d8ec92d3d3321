package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.BlobOutput;
import io.lamina.images.erofs.ChunkIndex;
import io.lamina.images.erofs.Content;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Lets the data of regular files out as it comes from the tar, in whole blocks, and gives the chunks that lead to it.
 * A file is cut into granules; a granule of zeroes takes no blocks. Data of one file is contiguous, so that a file
 * without zero granules is one chunk, and another has the largest chunks that its holes allow.
 */
final class FileDataWriter implements DataPlacement {
    /** Up to 4 MiB a granule is a block; beyond that a file has about a thousand granules, of 1 MiB at most. */
    private static final int DENSE_GRANULES_BITS = 10;

    private static final int MAX_DENSE_GRANULE_BITS = 20;
    /** Sparse files: the most granules, 32 MiB of memory while the tree grows. */
    private static final int MAX_SPARSE_GRANULES_BITS = 22;
    /** Sparse files: the most zeroes that may be written to keep granules large. */
    private static final long MAX_SPARSE_PADDING_BYTES = 1L << 30;
    /** The largest file: 2^31 chunks of 2^31 blocks are far away, but ext4 ends here. */
    private static final long MAX_FILE_BYTES = 1L << 44;

    private final BlobOutput out;
    private final @Nullable RecipeWriter recipe;
    private final int blockBits;
    private final int blockSizeBytes;

    // The file that is being written.
    private int granuleBits;
    private long pendingZeroBlocks;
    private long[] indexes = new long[0];

    /** @param recipe is told where stored bytes went; null for none */
    FileDataWriter(BlobOutput out, int blockBits, @Nullable RecipeWriter recipe) {
        this.out = out;
        this.recipe = recipe;
        this.blockBits = blockBits;
        this.blockSizeBytes = 1 << blockBits;
    }

    @Override
    public Content place(TarEntry entry, TarEntry.File file, TarReader tar) throws IOException {
        long size = file.sizeBytes();
        if (size == 0) {
            return Content.Nothing.INSTANCE;
        }
        if (size > MAX_FILE_BYTES) {
            throw entry.corrupt("file of " + size + " bytes, more than " + MAX_FILE_BYTES);
        }
        boolean whole = file.storedBytes() == size;
        granuleBits = whole ? denseGranuleBits(size) : sparseGranuleBits(entry, file);
        long firstBlock = out.positionBlock();
        if (indexes.length == 0) {
            indexes = new long[1];
        }
        long granule = 0;
        Segments segments = new Segments(file.segments(), tar);
        long granules = (size + (1L << granuleBits) - 1) >> granuleBits;
        while (granule < granules) {
            long next = Math.max(granule, segments.nextDataByte(size) >> granuleBits);
            fillHoles(granule, Math.min(next, granules));
            granule = next;
            if (granule < granules) {
                setIndex(granule, writeGranule(segments, granule << granuleBits, size));
                granule++;
            }
        }
        return chunks(size, (int) granules, firstBlock);
    }

    private static int denseGranuleBits(long size) {
        int sizeBits = Long.SIZE - Long.numberOfLeadingZeros(size - 1);
        return Math.clamp(sizeBits - DENSE_GRANULES_BITS, 12, MAX_DENSE_GRANULE_BITS);
    }

    /** The granule that makes addresses and padding together smallest. */
    private int sparseGranuleBits(TarEntry entry, TarEntry.File file) throws CorruptImageException {
        int sizeBits = Long.SIZE - Long.numberOfLeadingZeros(file.sizeBytes());
        int best = -1;
        long bestBytes = Long.MAX_VALUE;
        for (int bits = Math.max(blockBits, sizeBits - MAX_SPARSE_GRANULES_BITS);
                bits <= Math.max(sizeBits, blockBits);
                bits++) {
            long addressBytes = ((file.sizeBytes() >> bits) + 1) * ChunkIndex.BYTES;
            long bytes = addressBytes + (touchedGranules(file.segments(), bits) << bits);
            if (bytes < bestBytes) {
                bestBytes = bytes;
                best = bits;
            }
        }
        if (bestBytes - file.storedBytes() > MAX_SPARSE_PADDING_BYTES) {
            throw entry.corrupt("sparse file of " + file.sizeBytes() + " bytes whose "
                    + file.segments().count() + " segments would take " + bestBytes + " bytes");
        }
        return best;
    }

    private static long touchedGranules(SparseMap map, int bits) {
        long touched = 0;
        long next = 0;
        for (int i = 0; i < map.count(); i++) {
            if (map.lengthBytes(i) == 0) {
                continue;
            }
            long first = Math.max(next, map.startByte(i) >> bits);
            long end = ((map.endByte(i) - 1) >> bits) + 1;
            touched += Math.max(0, end - first);
            next = Math.max(next, end);
        }
        return touched;
    }

    private void fillHoles(long from, long to) {
        for (long i = from; i < to; i++) {
            setIndex(i, ChunkIndex.HOLE);
        }
    }

    /** Grows with the data that is there, not with the size that the entry promises. */
    private void setIndex(long granule, long index) {
        if (granule >= indexes.length) {
            indexes = Arrays.copyOf(indexes, (int) Math.max(granule + 1, indexes.length * 2L));
        }
        indexes[(int) granule] = index;
    }

    private long writeGranule(Segments segments, long startByte, long size) throws IOException {
        long block = out.positionBlock();
        long end = Math.min(size, startByte + (1L << granuleBits));
        pendingZeroBlocks = 0;
        boolean written = false;
        for (long at = startByte; at < end; at += blockSizeBytes) {
            int length = (int) Math.min(blockSizeBytes, end - at);
            int start = out.room(blockSizeBytes);
            segments.read(at, out, start, length);
            out.fillZeroes(start + length, blockSizeBytes - length);
            if (isZero(out.buffer(), start)) {
                pendingZeroBlocks++;
                segments.record(recipe, -1);
            } else if (pendingZeroBlocks == 0) {
                segments.record(recipe, out.positionBytes());
                out.advance(blockSizeBytes);
                written = true;
            } else {
                byte[] data = new byte[blockSizeBytes];
                out.buffer().get(start, data);
                out.putZeroes(pendingZeroBlocks << blockBits);
                segments.record(recipe, out.positionBytes());
                out.put(data, 0, blockSizeBytes);
                pendingZeroBlocks = 0;
                written = true;
            }
        }
        if (!written) {
            return ChunkIndex.HOLE;
        }
        out.putZeroes(pendingZeroBlocks << blockBits);
        return ChunkIndex.of(0, block);
    }

    private boolean isZero(ByteBuffer buffer, int start) {
        for (int at = start; at < start + blockSizeBytes; at += Long.BYTES) {
            if (buffer.getLong(at) != 0) {
                return false;
            }
        }
        return true;
    }

    /** The largest chunks that say the same. */
    private Content chunks(long size, int granules, long firstBlock) {
        int bits = granuleBits - blockBits;
        boolean holes = false;
        boolean data = false;
        for (int i = 0; i < granules; i++) {
            holes |= ChunkIndex.isHole(indexes[i]);
            data |= !ChunkIndex.isHole(indexes[i]);
        }
        if (!holes || !data) {
            long only = data ? ChunkIndex.of(0, firstBlock) : ChunkIndex.HOLE;
            return new Content.Chunks(size, ChunkIndex.chunkBlockBitsFor(size, blockBits), new long[] {only});
        }
        int count = granules;
        while (mergePairs(count, 1L << bits)) {
            count = (count + 1) / 2;
            bits++;
        }
        return new Content.Chunks(size, bits, Arrays.copyOf(indexes, count));
    }

    /** Makes chunks twice as large, if that is possible for all; the last one may be alone. */
    private boolean mergePairs(int count, long chunkBlocks) {
        if (count < 2) {
            return false;
        }
        for (int i = 0; i + 1 < count; i += 2) {
            boolean hole = ChunkIndex.isHole(indexes[i]);
            if (hole != ChunkIndex.isHole(indexes[i + 1])) {
                return false;
            }
            // Data of a file is written in order, so that two neighbours with blocks are contiguous.
            if (!hole && ChunkIndex.startBlock(indexes[i]) + chunkBlocks != ChunkIndex.startBlock(indexes[i + 1])) {
                return false;
            }
        }
        for (int i = 0; i < count; i += 2) {
            indexes[i / 2] = indexes[i];
        }
        return true;
    }

    /** The file's bytes in order: stored segments, and zeroes between them. */
    private static final class Segments {
        private final SparseMap map;
        private final TarReader tar;
        private int current;
        private long readOfCurrent;
        /** What the last read took from the tar, relative to where it was put. */
        private int[] pieceStarts = new int[1];

        private int[] pieceLengths = new int[1];
        private int pieces;

        Segments(SparseMap map, TarReader tar) {
            this.map = map;
            this.tar = tar;
        }

        private void addPiece(int start, int length) {
            if (pieces == pieceStarts.length) {
                pieceStarts = Arrays.copyOf(pieceStarts, pieces * 2);
                pieceLengths = Arrays.copyOf(pieceLengths, pieces * 2);
            }
            pieceStarts[pieces] = start;
            pieceLengths[pieces] = length;
            pieces++;
        }

        /** The next byte that is stored, or {@code size} if there is none. */
        long nextDataByte(long size) {
            while (current < map.count() && readOfCurrent == map.lengthBytes(current)) {
                current++;
                readOfCurrent = 0;
            }
            return current < map.count() ? map.startByte(current) + readOfCurrent : size;
        }

        /** Tells where the bytes of the last {@link #read} are now: from {@code blobByte} on, or, if negative, zero. */
        void record(@Nullable RecipeWriter recipe, long blobByte) throws IOException {
            if (recipe == null) {
                return;
            }
            for (int i = 0; i < pieces; i++) {
                if (blobByte < 0) {
                    recipe.zeroes(pieceLengths[i]);
                } else {
                    recipe.copy(blobByte + pieceStarts[i], pieceLengths[i]);
                }
            }
        }

        void read(long at, BlobOutput into, int start, int length) throws IOException {
            int done = 0;
            pieces = 0;
            while (done < length) {
                long data = nextDataByte(Long.MAX_VALUE);
                int gap = (int) Math.min(length - done, data - at - done);
                into.fillZeroes(start + done, gap);
                done += gap;
                if (done < length) {
                    int count = (int) Math.min(length - done, map.lengthBytes(current) - readOfCurrent);
                    tar.readData(into.buffer(), start + done, count);
                    addPiece(done, count);
                    readOfCurrent += count;
                    done += count;
                }
            }
        }
    }
}
