package io.lamina.shim.ext4;

import io.lamina.images.device.RawWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Writes blocks of metadata to a file, those that follow each other in one go. */
final class MetadataBlocks implements BlockOutput, AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;

    private final FileChannel target;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    private long startByte;

    MetadataBlocks(FileChannel target) {
        this.target = target;
    }

    @Override
    public void put(long startBlock, ByteBuffer content) throws IOException {
        long at = startBlock * Ext4Layout.BLOCK_BYTES;
        if (at != startByte + buffer.position() || content.remaining() > buffer.remaining()) {
            flush();
            startByte = at;
        }
        if (content.remaining() > buffer.remaining()) {
            RawWriter.writeFully(target, content.slice(), at);
            startByte = at + content.remaining();
            return;
        }
        buffer.put(content);
    }

    private void flush() throws IOException {
        RawWriter.writeFully(target, buffer.flip(), startByte);
        buffer.clear();
    }

    @Override
    public void close() throws IOException {
        flush();
    }
}
