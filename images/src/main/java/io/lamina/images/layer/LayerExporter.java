package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.ByteSource;
import io.lamina.images.oci.Digest;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;
import java.util.zip.ZipException;

/** Turns a layer blob and its {@link TarRecipe} back into the tar that it was made of. */
public final class LayerExporter {
    private static final int PIECE_BYTES = 64 << 10;
    private static final String WHAT = "tar recipe";

    private final ByteSource blob;
    private final long blobBytes;
    private final OutputStream tar;
    private final MessageDigest sha256 = Digest.sha256();
    private final byte[] piece = new byte[PIECE_BYTES];
    private long leftBytes;
    private long lastCopyEnd;

    private LayerExporter(ByteSource blob, OutputStream tar) throws IOException {
        this.blob = blob;
        this.blobBytes = blob.lengthBytes();
        this.tar = tar;
    }

    /**
     * Writes the tar and checks its digest at the end.
     *
     * @param blob the layer blob
     * @param recipe what {@link LayerConverter} wrote beside it
     * @param tar takes the tar; means nothing after an exception; not closed
     * @return the diffID, which the bytes have
     * @throws CorruptImageException if the recipe is broken or does not belong to the blob
     */
    public static Digest export(FileChannel blob, FileChannel recipe, OutputStream tar) throws IOException {
        ByteSource source = ByteSource.of(recipe);
        byte[] header = header(source);
        Digest diffId = diffId(header);
        long tarBytes = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong(TarRecipe.TAR_LENGTH);
        LayerExporter exporter = new LayerExporter(ByteSource.of(blob), tar);
        exporter.leftBytes = tarBytes;
        Inflater inflater = new Inflater();
        try {
            InputStream stored = new Stored(source, TarRecipe.HEADER_BYTES);
            exporter.run(new BufferedInputStream(new InflaterInputStream(stored, inflater, PIECE_BYTES)));
        } catch (ZipException | EOFException broken) {
            throw new CorruptImageException(WHAT, "the operations cannot be inflated to their end", broken);
        } finally {
            inflater.end();
        }
        Digest made = Digest.of(exporter.sha256.digest());
        if (!made.equals(diffId)) {
            throw new CorruptImageException(
                    WHAT, TarRecipe.DIFF_ID, "makes a tar of " + made + " out of this blob, not of " + diffId);
        }
        return diffId;
    }

    /** The diffID of the layer that a recipe belongs to, as its header has it. */
    public static Digest diffId(FileChannel recipe) throws IOException {
        return diffId(header(ByteSource.of(recipe)));
    }

    private static Digest diffId(byte[] header) {
        return Digest.of(Arrays.copyOfRange(header, TarRecipe.DIFF_ID, TarRecipe.TAR_LENGTH));
    }

    private static byte[] header(ByteSource recipe) throws IOException {
        byte[] header = new byte[TarRecipe.HEADER_BYTES];
        if (recipe.lengthBytes() < header.length) {
            throw new CorruptImageException(WHAT, 0, "is shorter than its header of " + header.length + " bytes");
        }
        recipe.read(0, header, 0, header.length);
        if (!Arrays.equals(header, 0, TarRecipe.MAGIC.length, TarRecipe.MAGIC, 0, TarRecipe.MAGIC.length)) {
            throw new CorruptImageException(WHAT, 0, "magic is not LaminaR1");
        }
        return header;
    }

    private void run(InputStream operations) throws IOException {
        while (true) {
            long operation = number(operations);
            long length = operation >>> TarRecipe.KIND_BITS;
            int kind = (int) operation & TarRecipe.KIND_MASK;
            if (kind == TarRecipe.END) {
                if (leftBytes != 0) {
                    throw new CorruptImageException(WHAT, "ends " + leftBytes + " bytes before the tar does");
                }
                return;
            }
            if (length > leftBytes) {
                throw new CorruptImageException(WHAT, "makes more bytes than the tar has");
            }
            leftBytes -= length;
            switch (kind) {
                case TarRecipe.LITERAL -> literal(operations, length);
                case TarRecipe.ZEROES -> zeroes(length);
                default -> copy(length, number(operations));
            }
        }
    }

    private void literal(InputStream operations, long length) throws IOException {
        for (long left = length; left > 0; ) {
            int count = (int) Math.min(left, PIECE_BYTES);
            if (operations.readNBytes(piece, 0, count) < count) {
                throw new EOFException();
            }
            put(count);
            left -= count;
        }
    }

    private void zeroes(long length) throws IOException {
        Arrays.fill(piece, (byte) 0);
        for (long left = length; left > 0; left -= Math.min(left, PIECE_BYTES)) {
            put((int) Math.min(left, PIECE_BYTES));
        }
    }

    private void copy(long length, long zigzagStep) throws IOException {
        long start = lastCopyEnd + (zigzagStep >>> 1 ^ -(zigzagStep & 1));
        if (start < 0 || start > blobBytes - length) {
            throw new CorruptImageException(
                    WHAT, "copies " + length + " bytes from byte " + start + " of a blob of " + blobBytes);
        }
        for (long done = 0; done < length; ) {
            int count = (int) Math.min(length - done, PIECE_BYTES);
            blob.read(start + done, piece, 0, count);
            put(count);
            done += count;
        }
        lastCopyEnd = start + length;
    }

    private void put(int count) throws IOException {
        sha256.update(piece, 0, count);
        tar.write(piece, 0, count);
    }

    private static long number(InputStream operations) throws IOException {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            int next = operations.read();
            if (next < 0) {
                throw new EOFException();
            }
            value |= (long) (next & 0x7F) << shift;
            if (next < 0x80) {
                return value;
            }
        }
        throw new CorruptImageException(WHAT, "holds a number of more than 64 bits");
    }

    /** The rest of a source as a stream. */
    private static final class Stored extends InputStream {
        private final ByteSource source;
        private final long end;
        private long at;

        Stored(ByteSource source, long start) throws IOException {
            this.source = source;
            this.end = source.lengthBytes();
            this.at = start;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
        }

        @Override
        public int read(byte[] into, int start, int length) throws IOException {
            if (at == end) {
                return -1;
            }
            int count = (int) Math.min(length, end - at);
            source.read(at, into, start, count);
            at += count;
            return count;
        }
    }
}
