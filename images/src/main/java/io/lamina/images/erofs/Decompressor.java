package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.util.Arrays;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/** Gives the bytes of compressed files, one extent at a time; the last one is kept, or more of them. */
final class Decompressor {
    private final ErofsImage image;
    private final int blockSizeBytes;
    private final KeptExtents kept;
    private @Nullable FileExtents map;
    private long mapNid;
    private byte[] extentBytes = new byte[0];
    private long extentStart;

    /** @param keptBytes of the file read last may be kept, or its last extent, whatever is more */
    Decompressor(ErofsImage image, long keptBytes) {
        this.image = image;
        this.kept = new KeptExtents(keptBytes);
        this.blockSizeBytes = image.superblock().areas().blockSizeBytes();
    }

    /** Copies bytes of a file up to the end of their extent, and says how many. */
    int read(Inode file, long offset, byte[] into, int start, int length) throws IOException {
        FileExtents extents = map;
        if (extents == null || mapNid != file.place().nid()) {
            map = null;
            extents = FileExtents.of(image, file);
            map = extents;
            mapNid = file.place().nid();
            extentBytes = new byte[0];
            kept.clear();
        }
        if (offset < extentStart || offset - extentStart >= extentBytes.length) {
            FileExtents.Extent extent = extents.extent(offset);
            int count = (int) Math.min(length, extent.endByte() - offset);
            if (extent.stored() instanceof FileExtents.Stored.Fragment fragment) {
                image.copyPacked(file, fragment.startByte() + (offset - extent.startByte()), into, start, count);
                return count;
            }
            if (extent.stored() instanceof FileExtents.Stored.Hole) {
                Arrays.fill(into, start, start + count, (byte) 0);
                return count;
            }
            byte[] known = kept.get(extent.startByte());
            if (known == null) {
                known = decode(file, extent);
                kept.add(extent.startByte(), known);
            }
            extentBytes = known;
            extentStart = extent.startByte();
        }
        int at = (int) (offset - extentStart);
        int count = Math.min(length, extentBytes.length - at);
        System.arraycopy(extentBytes, at, into, start, count);
        return count;
    }

    private byte[] decode(Inode file, FileExtents.Extent extent) throws IOException {
        byte[] stored;
        boolean interlaced = false;
        switch (extent.stored()) {
            case FileExtents.Stored.Data data -> {
                stored = new byte[data.length()];
                image.copyData(file, data.startByte(), stored);
                interlaced = data.interlaced();
            }
            case FileExtents.Stored.Inline tail -> {
                stored = new byte[tail.length()];
                image.bytesOf(file).copy(tail.startByte(), stored, 0, stored.length);
            }
            case FileExtents.Stored.Fragment _, FileExtents.Stored.Hole _ ->
                throw new IllegalArgumentException("nothing is to be decoded");
        }
        byte[] decoded = new byte[(int) extent.lengthBytes()];
        boolean whole = extent.algorithm() == FileExtents.PLAIN
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
        return new UnsupportedImageException(image.name() + ": " + file.label(), what);
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
