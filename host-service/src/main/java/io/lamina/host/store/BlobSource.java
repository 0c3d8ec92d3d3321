package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.ByteSource;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/**
 * A blob to be read. One that lies in a read-only store is compared with its hashes, block by block, each time: who writes
 * that store may change it after its first use. One thread at a time.
 */
public final class BlobSource implements ByteSource, AutoCloseable {
    private static final int BLOCK_BYTES = VerityGeometry.STANDARD.dataBlockSizeBytes();
    private static final int HASHES_PER_BLOCK = VerityGeometry.STANDARD.hashesPerBlock();

    private final StoredBlob blob;
    private final FileChannel file;
    private final FileChannel leaves;
    private final ByteSource plain;
    private final LeafHasher hasher = new LeafHasher(VerityGeometry.STANDARD);
    private final byte[] level1;
    private final byte[] block = new byte[BLOCK_BYTES];
    private final byte[] leafBlock = new byte[BLOCK_BYTES];
    private final byte[] hash = new byte[VerityGeometry.HASH_BYTES];

    /** The block that {@link #block} holds, and the block of leaves that {@link #leafBlock} holds; -1 for none. */
    private long held = -1;

    private long heldLeaves = -1;

    private BlobSource(StoredBlob blob, FileChannel file, FileChannel leaves) {
        this.blob = blob;
        this.file = file;
        this.leaves = leaves;
        this.plain = ByteSource.of(file);
        this.level1 = blob.hashes().level1();
    }

    /** Opens a blob. */
    static BlobSource open(StoredBlob blob) throws IOException {
        FileChannel file = FileChannel.open(blob.blob(), READ);
        try {
            return new BlobSource(blob, file, FileChannel.open(blob.leaves(), READ));
        } catch (IOException failure) {
            file.close();
            throw failure;
        }
    }

    @Override
    public long lengthBytes() {
        return blob.blocks() * BLOCK_BYTES;
    }

    @Override
    public void read(long offsetBytes, byte[] into, int at, int length) throws IOException {
        if (!blob.elsewhere()) {
            plain.read(offsetBytes, into, at, length);
            return;
        }
        if (offsetBytes < 0 || offsetBytes > lengthBytes() - length) {
            throw new EOFException(blob.blob() + ": byte " + (offsetBytes + length) + " of " + lengthBytes());
        }
        int done = 0;
        while (done < length) {
            long position = offsetBytes + done;
            hold(position / BLOCK_BYTES);
            int inBlock = (int) (position % BLOCK_BYTES);
            int count = Math.min(length - done, BLOCK_BYTES - inBlock);
            System.arraycopy(block, inBlock, into, at + done, count);
            done += count;
        }
    }

    private void hold(long number) throws IOException {
        if (number == held) {
            return;
        }
        held = -1;
        holdLeaves(number / HASHES_PER_BLOCK);
        readBlock(file, number, block);
        check(block, leafBlock, (int) (number % HASHES_PER_BLOCK), "block " + number);
        held = number;
    }

    private void holdLeaves(long number) throws IOException {
        if (number == heldLeaves) {
            return;
        }
        heldLeaves = -1;
        readBlock(leaves, number, leafBlock);
        check(leafBlock, level1, Math.toIntExact(number), "block " + number + " of the hashes");
        heldLeaves = number;
    }

    private static void readBlock(FileChannel from, long number, byte[] into) throws IOException {
        ByteBuffer target = ByteBuffer.wrap(into);
        while (target.hasRemaining()) {
            if (from.read(target, number * BLOCK_BYTES + target.position()) < 0) {
                throw new EOFException("ends within block " + number);
            }
        }
    }

    private void check(byte[] data, byte[] hashes, int index, String what) throws CorruptImageException {
        hasher.hash(ByteBuffer.wrap(data), hash, 0);
        int from = index * VerityGeometry.HASH_BYTES;
        if (!Arrays.equals(hash, 0, hash.length, hashes, from, from + VerityGeometry.HASH_BYTES)) {
            throw new CorruptImageException(
                    "layer " + blob.diffId() + " in " + blob.blob(), what + " does not have its hash");
        }
    }

    @Override
    public void close() throws IOException {
        try (leaves) {
            file.close();
        }
    }
}
