package io.lamina.images.layer;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;

/** Writes a {@link TarRecipe} while the tar is read: its bytes in order, as they are or as places in the blob. */
final class RecipeWriter implements AutoCloseable {
    private static final int LITERAL_BYTES = 64 << 10;

    private final FileChannel file;
    /** Headers of neighbours are alike; the fastest level already takes nine tenths of them away. */
    private final Deflater deflater = new Deflater(Deflater.BEST_SPEED);

    private final DeflaterOutputStream operations;
    private final byte[] literals = new byte[LITERAL_BYTES];
    private int literalBytes;
    private int runKind = TarRecipe.LITERAL;
    private long runBytes;
    private long runStart;
    private long lastCopyEnd;

    /** @param file takes the recipe from offset 0; what it held before is dropped */
    RecipeWriter(FileChannel file) throws IOException {
        this.file = file;
        file.truncate(0);
        operations = new DeflaterOutputStream(new Appending(file), deflater, LITERAL_BYTES);
    }

    /** The tar goes on with these bytes, which the blob does not have. */
    void literal(byte[] bytes, int start, int length) throws IOException {
        literal(ByteBuffer.wrap(bytes), start, length);
    }

    /** As {@link #literal(byte[], int, int)}; the buffer's position does not matter and stays. */
    void literal(ByteBuffer bytes, int start, int length) throws IOException {
        endRun();
        int done = 0;
        while (done < length) {
            if (literalBytes == LITERAL_BYTES) {
                endLiterals();
            }
            int count = Math.min(length - done, LITERAL_BYTES - literalBytes);
            bytes.get(start + done, literals, literalBytes, count);
            literalBytes += count;
            done += count;
        }
    }

    /** The tar goes on with zeroes. */
    void zeroes(long length) throws IOException {
        if (runKind != TarRecipe.ZEROES) {
            endRun();
            endLiterals();
            runKind = TarRecipe.ZEROES;
        }
        runBytes += length;
    }

    /** The tar goes on with what the blob has from {@code blobByte} on. */
    void copy(long blobByte, long length) throws IOException {
        if (runKind != TarRecipe.COPY || blobByte != runStart + runBytes) {
            endRun();
            endLiterals();
            runKind = TarRecipe.COPY;
            runStart = blobByte;
        }
        runBytes += length;
    }

    /** Completes the recipe. */
    void finish(Digest diffId, long tarBytes) throws IOException {
        endRun();
        endLiterals();
        number(TarRecipe.END);
        operations.finish();
        ByteBuffer header = ByteBuffer.allocate(TarRecipe.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        header.put(TarRecipe.MAGIC).put(diffId.bytes()).putLong(tarBytes).flip();
        new Appending(file, 0).write(header);
    }

    @Override
    public void close() {
        deflater.end();
    }

    private void endRun() throws IOException {
        if (runBytes > 0) {
            number(runBytes << TarRecipe.KIND_BITS | runKind);
            if (runKind == TarRecipe.COPY) {
                long step = runStart - lastCopyEnd;
                number(step << 1 ^ step >> 63);
                lastCopyEnd = runStart + runBytes;
            }
        }
        runKind = TarRecipe.LITERAL;
        runBytes = 0;
    }

    private void endLiterals() throws IOException {
        if (literalBytes > 0) {
            number((long) literalBytes << TarRecipe.KIND_BITS | TarRecipe.LITERAL);
            operations.write(literals, 0, literalBytes);
            literalBytes = 0;
        }
    }

    private void number(long value) throws IOException {
        long rest = value;
        while ((rest & ~0x7FL) != 0) {
            operations.write((int) (rest & 0x7F) | 0x80);
            rest >>>= 7;
        }
        operations.write((int) rest);
    }

    /** Positioned writes one after the other. */
    private static final class Appending extends OutputStream {
        private final FileChannel file;
        private long position;

        Appending(FileChannel file) {
            this(file, TarRecipe.HEADER_BYTES);
        }

        Appending(FileChannel file, long position) {
            this.file = file;
            this.position = position;
        }

        void write(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                position += file.write(bytes, position);
            }
        }

        @Override
        public void write(int b) throws IOException {
            write(ByteBuffer.wrap(new byte[] {(byte) b}));
        }

        @Override
        public void write(byte[] bytes, int start, int length) throws IOException {
            write(ByteBuffer.wrap(bytes, start, length));
        }
    }
}
