package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.util.Arrays;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/** Gives the bytes of compressed files, one extent at a time; the last one is kept. */
final class Decompressor {
    /** What the format allows an extent to grow to (kernel: Z_EROFS_PCLUSTER_MAX_DSIZE). */
    private static final int MAX_EXTENT_BYTES = 12 << 20;

    private static final int MAX_STORED_BYTES = 1 << 20;
    private static final int LZ4 = 0;
    private static final int DEFLATE = 2;

    private final ErofsImage image;
    private final int blockBits;
    private @Nullable CompressedMap map;
    private long mapNid = -1;
    private byte[] extentBytes = new byte[0];
    private long extentStart;

    Decompressor(ErofsImage image) {
        this.image = image;
        this.blockBits = image.superblock().areas().blockBits();
    }

    /** Copies bytes of a file up to the end of their extent, and says how many. */
    int read(Inode file, long offset, byte[] into, int start, int length) throws IOException {
        CompressedMap clusters = map;
        if (clusters == null || mapNid != file.place().nid()) {
            clusters = CompressedMap.of(image, file);
            map = clusters;
            mapNid = file.place().nid();
            extentBytes = new byte[0];
        }
        if (offset < extentStart || offset - extentStart >= extentBytes.length) {
            load(file, clusters, offset);
        }
        int at = (int) (offset - extentStart);
        int count = Math.min(length, extentBytes.length - at);
        System.arraycopy(extentBytes, at, into, start, count);
        return count;
    }

    private void load(Inode file, CompressedMap clusters, long offset) throws IOException {
        CompressedMap.Extent extent = clusters.extent(offset);
        long storedBytes = (long) extent.blocks() << blockBits;
        if (extent.lengthBytes() > MAX_EXTENT_BYTES || storedBytes == 0 || storedBytes > MAX_STORED_BYTES) {
            throw image.corrupt(
                    file,
                    "extent at byte " + extent.startByte() + " of " + extent.lengthBytes() + " bytes is stored in "
                            + extent.blocks() + " blocks");
        }
        byte[] stored = new byte[(int) storedBytes];
        image.copyData(file, extent.startBlock() << blockBits, stored);
        byte[] decoded = new byte[(int) extent.lengthBytes()];
        boolean whole = extent.plain()
                ? copyPlain(stored, clusters.interlaced() ? extent.startByte() : 0, decoded)
                : decompress(file, extent.algorithm(), stored, decoded);
        if (!whole) {
            throw image.corrupt(
                    file,
                    "compressed extent at byte " + extent.startByte() + " does not decode to " + extent.lengthBytes()
                            + " bytes");
        }
        extentBytes = decoded;
        extentStart = extent.startByte();
    }

    /** Interlaced data lies at the offset in its block that it has in the file's, and goes on at the block's start. */
    private boolean copyPlain(byte[] stored, long startByte, byte[] decoded) {
        if (decoded.length > stored.length) {
            return false;
        }
        int offset = (int) startByte & (stored.length - 1);
        int first = Math.min(decoded.length, stored.length - offset);
        System.arraycopy(stored, offset, decoded, 0, first);
        System.arraycopy(stored, 0, decoded, first, decoded.length - first);
        return true;
    }

    private boolean decompress(Inode file, int algorithm, byte[] stored, byte[] decoded) throws IOException {
        int start = 0;
        if ((image.superblock().features().incompat() & Features.ZERO_PADDING) != 0) {
            while (start < stored.length && stored[start] == 0) {
                start++;
            }
        }
        return switch (algorithm) {
            case LZ4 -> Lz4.decode(stored, start, stored.length, decoded);
            case DEFLATE -> inflate(stored, start, decoded);
            default ->
                throw new UnsupportedImageException(
                        image.name() + ": inode " + file.place().nid(),
                        "compression algorithm " + algorithm + " is not read yet");
        };
    }

    private static boolean inflate(byte[] stored, int start, byte[] decoded) {
        Inflater inflater = new Inflater(true);
        try {
            inflater.setInput(Arrays.copyOfRange(stored, start, stored.length));
            int done = 0;
            while (done < decoded.length) {
                int got = inflater.inflate(decoded, done, decoded.length - done);
                if (got == 0) {
                    return false;
                }
                done += got;
            }
            return true;
        } catch (DataFormatException broken) {
            return false;
        } finally {
            inflater.end();
        }
    }
}
