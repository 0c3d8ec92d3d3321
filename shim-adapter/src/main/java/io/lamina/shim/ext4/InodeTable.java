package io.lamina.shim.ext4;

import io.lamina.images.device.RawWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/** Writes the inode table from its start on, a piece at a time. */
final class InodeTable implements AutoCloseable {
    private static final int PIECE_BLOCKS = 256;
    private static final int PIECE_INODES = PIECE_BLOCKS * Ext4Layout.INODES_PER_BLOCK;

    private final Ext4Layout layout;
    private final FileChannel target;
    private final byte[] piece = new byte[PIECE_BLOCKS * Ext4Layout.BLOCK_BYTES];
    private long firstNumber = 1;

    InodeTable(Ext4Layout layout, FileChannel target) {
        this.layout = layout;
        this.target = target;
    }

    /**
     * Where an inode goes: zeroes, little-endian, until the next call.
     *
     * @param number larger than in earlier calls
     */
    ByteBuffer inode(int number) throws IOException {
        if (number >= firstNumber + PIECE_INODES) {
            flush();
            firstNumber += Math.floorDiv(number - firstNumber, (long) PIECE_INODES) * PIECE_INODES;
        }
        int at = (int) (number - firstNumber) * Ext4Layout.INODE_BYTES;
        return ByteBuffer.wrap(piece, at, Ext4Layout.INODE_BYTES).slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    private void flush() throws IOException {
        long room = (layout.inodes() - firstNumber + 1) * Ext4Layout.INODE_BYTES;
        ByteBuffer used = ByteBuffer.wrap(piece, 0, (int) Math.min(piece.length, room));
        long start = layout.inodeTable() * Ext4Layout.BLOCK_BYTES + (firstNumber - 1) * Ext4Layout.INODE_BYTES;
        RawWriter.writeFully(target, used, start);
        Arrays.fill(piece, (byte) 0);
    }

    @Override
    public void close() throws IOException {
        flush();
    }
}
