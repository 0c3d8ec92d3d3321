package io.lamina.guest;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Path;

/** The level-0 hashes of what is read through it, in a file. One thread uses an instance. */
final class LeafFile implements AutoCloseable {
    private static final int PIECE_BYTES = 64 << 10;

    private final FileChannel target;
    private final LeafHasher hasher;
    private final int blockBytes;
    private final byte[] leaves;
    private long readBytes;

    private LeafFile(FileChannel target, VerityGeometry geometry) {
        this.target = target;
        this.hasher = new LeafHasher(geometry);
        this.blockBytes = geometry.dataBlockSizeBytes();
        this.leaves = new byte[PIECE_BYTES / blockBytes * VerityGeometry.HASH_BYTES];
    }

    static LeafFile create(Path file, VerityGeometry geometry) throws IOException {
        return new LeafFile(FileChannel.open(file, CREATE_NEW, WRITE), geometry);
    }

    /** The next {@code lengthBytes} of {@code source}, whole blocks; each is hashed as it is handed out. */
    InputStream hashing(ReadableByteChannel source, long lengthBytes) {
        return new InputStream() {
            private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES).limit(0);

            @Override
            public int read() throws IOException {
                return more() ? piece.get() & 0xff : -1;
            }

            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                if (length == 0) {
                    return 0;
                }
                if (!more()) {
                    return -1;
                }
                int count = Math.min(length, piece.remaining());
                piece.get(into, offset, count);
                return count;
            }

            private boolean more() throws IOException {
                if (!piece.hasRemaining() && readBytes < lengthBytes) {
                    piece.clear().limit((int) Math.min(PIECE_BYTES, lengthBytes - readBytes));
                    fill(source, piece);
                }
                return piece.hasRemaining();
            }
        };
    }

    /** Reads and hashes on until {@code endBytes} were read in all: what a reader has left, and the padding behind it. */
    void readRest(ReadableByteChannel source, long endBytes) throws IOException {
        byte[] sink = new byte[PIECE_BYTES];
        InputStream rest = hashing(source, endBytes);
        while (rest.read(sink) >= 0) {}
    }

    /** Reads and hashes all of {@code source}, whose length is a multiple of the block size. */
    void readAll(InputStream source) throws IOException {
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        ReadableByteChannel channel = Channels.newChannel(source);
        while (true) {
            piece.clear();
            while (piece.hasRemaining() && channel.read(piece) >= 0) {}
            if (piece.position() == 0) {
                return;
            }
            hash(piece.flip());
        }
    }

    private void fill(ReadableByteChannel source, ByteBuffer piece) throws IOException {
        while (piece.hasRemaining()) {
            if (source.read(piece) < 0) {
                throw new EOFException("the disk ends too early");
            }
        }
        readBytes += piece.position();
        hash(piece.flip());
    }

    /** Leaves {@code piece} as it was. */
    private void hash(ByteBuffer piece) throws IOException {
        ByteBuffer view = piece.duplicate();
        int blocks = view.remaining() / blockBytes;
        hasher.hash(view, leaves, 0);
        ByteBuffer out = ByteBuffer.wrap(leaves, 0, blocks * VerityGeometry.HASH_BYTES);
        while (out.hasRemaining()) {
            target.write(out);
        }
    }

    @Override
    public void close() throws IOException {
        target.close();
    }
}
