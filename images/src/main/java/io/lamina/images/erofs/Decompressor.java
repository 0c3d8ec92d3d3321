package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/** Gives the bytes of compressed files, one extent at a time; the last one is kept. */
final class Decompressor {
    private final ErofsImage image;
    private final int blockSizeBytes;
    private @Nullable CompressedMap map;
    private long mapNid = -1;
    private byte[] extentBytes = new byte[0];
    private long extentStart;

    Decompressor(ErofsImage image) {
        this.image = image;
        this.blockSizeBytes = image.superblock().areas().blockSizeBytes();
    }

    /** Copies bytes of a file up to the end of their extent, and says how many. */
    int read(Inode file, long offset, byte[] into, int start, int length) throws IOException {
        CompressedMap extents = map;
        if (extents == null || mapNid != file.place().nid()) {
            map = null;
            extents = CompressedMap.of(image, file);
            map = extents;
            mapNid = file.place().nid();
            extentBytes = new byte[0];
        }
        if (offset < extentStart || offset - extentStart >= extentBytes.length) {
            CompressedMap.Extent extent = extents.extent(offset);
            if (extent.stored() instanceof CompressedMap.Stored.Fragment fragment) {
                int count = (int) Math.min(length, extent.endByte() - offset);
                image.copyPacked(file, fragment.startByte() + (offset - extent.startByte()), into, start, count);
                return count;
            }
            extentBytes = decode(file, extents, extent);
            extentStart = extent.startByte();
        }
        int at = (int) (offset - extentStart);
        int count = Math.min(length, extentBytes.length - at);
        System.arraycopy(extentBytes, at, into, start, count);
        return count;
    }

    private byte[] decode(Inode file, CompressedMap extents, CompressedMap.Extent extent) throws IOException {
        byte[] stored = new byte[(int) extent.stored().bytes()];
        boolean inline = false;
        switch (extent.stored()) {
            case CompressedMap.Stored.Blocks blocks ->
                image.copyData(file, blocks.startBlock() << blocks.blockBits(), stored);
            case CompressedMap.Stored.Inline tail -> {
                image.bytes().copy(tail.startByte(), stored, 0, stored.length);
                inline = true;
            }
            case CompressedMap.Stored.Fragment _ -> throw new IllegalArgumentException("a fragment is not decoded");
        }
        byte[] decoded = new byte[(int) extent.lengthBytes()];
        boolean interlaced = extents.header().isInterlaced() && !inline;
        boolean whole = extent.algorithm() == CompressedMap.PLAIN
                ? copyPlain(stored, interlaced ? extent.startByte() : 0, decoded)
                : decompress(file, extent.algorithm(), stored, decoded);
        if (!whole) {
            throw image.corrupt(
                    file,
                    "extent at byte " + extent.startByte() + ", " + stored.length + " bytes of compression "
                            + extent.algorithm() + ", does not decode to " + extent.lengthBytes() + " bytes");
        }
        return decoded;
    }

    /** Interlaced data lies at the offset in its last block that it has in the file's, and goes on at the start. */
    private boolean copyPlain(byte[] stored, long startByte, byte[] decoded) {
        if (decoded.length > stored.length) {
            return false;
        }
        int inBlock = (int) startByte & blockSizeBytes - 1;
        int first = 0;
        if (inBlock != 0) {
            first = Math.min(decoded.length, blockSizeBytes - inBlock);
            System.arraycopy(stored, stored.length - blockSizeBytes + inBlock, decoded, 0, first);
        }
        System.arraycopy(stored, 0, decoded, first, decoded.length - first);
        return true;
    }

    private boolean decompress(Inode file, int algorithm, byte[] stored, byte[] decoded) throws IOException {
        int start = 0;
        if (image.superblock().features().isZeroPadded()) {
            while (start < stored.length && stored[start] == 0) {
                start++;
            }
        }
        try {
            return switch (algorithm) {
                case CompressionConfigs.LZ4 -> Lz4.decode(stored, start, stored.length, decoded);
                case CompressionConfigs.DEFLATE -> inflate(stored, start, decoded);
                case CompressionConfigs.MICRO_LZMA -> MicroLzma.decode(stored, start, dictionaryBytes(), decoded);
                case CompressionConfigs.ZSTD -> ZstdFrame.decode(stored, start, decoded);
                default -> throw unsupported(file, "compression algorithm " + algorithm + " is not known");
            };
        } catch (LinkageError noLibrary) {
            throw unsupported(
                    file, "compression algorithm " + algorithm + " is not read here: its library is not installed");
        }
    }

    private int dictionaryBytes() {
        return image.superblock().compression().lzmaDictionaryBytes();
    }

    private UnsupportedImageException unsupported(Inode file, String what) {
        return new UnsupportedImageException(
                image.name() + ": inode " + file.place().nid(), what);
    }

    private static boolean inflate(byte[] stored, int start, byte[] decoded) {
        Inflater inflater = new Inflater(true);
        try {
            inflater.setInput(stored, start, stored.length - start);
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
