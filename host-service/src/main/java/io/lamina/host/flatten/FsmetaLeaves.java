package io.lamina.host.flatten;

import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Hashes an image that was just written, block by block. */
final class FsmetaLeaves {
    private static final int PIECE_BYTES = 1 << 20;

    private FsmetaLeaves() {}

    /** Writes the level-0 hashes of {@code image}, whole blocks, to {@code leaves}. */
    static void write(FileChannel image, FileChannel leaves) throws IOException {
        int blockBytes = VerityGeometry.STANDARD.dataBlockSizeBytes();
        LeafHasher hasher = new LeafHasher(VerityGeometry.STANDARD);
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        long written = 0;
        for (long at = 0; at < image.size(); at += piece.limit()) {
            piece.clear().limit((int) Math.min(PIECE_BYTES, image.size() - at));
            while (piece.hasRemaining()) {
                if (image.read(piece, at + piece.position()) < 0) {
                    throw new EOFException("the image became shorter");
                }
            }
            byte[] hashes = new byte[piece.limit() / blockBytes * VerityGeometry.HASH_BYTES];
            hasher.hash(piece.flip(), hashes, 0);
            ByteBuffer out = ByteBuffer.wrap(hashes);
            while (out.hasRemaining()) {
                written += leaves.write(out, written);
            }
        }
    }
}
