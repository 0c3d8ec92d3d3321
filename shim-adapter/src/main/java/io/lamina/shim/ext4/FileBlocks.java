package io.lamina.shim.ext4;

import io.lamina.images.device.DeviceReader;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.RawWriter;
import io.lamina.images.erofs.ChunkIndex;
import io.lamina.images.erofs.ChunkMap;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.Inode;
import io.lamina.shim.ext4.ExtentTree.Mapping;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the data of regular files lies on the flattened device, and how it gets into the image: whole blocks from file
 * to file, which shares them where the file system can; what is compressed, within metadata, or short of a block is read.
 */
final class FileBlocks {
    private static final int PIECE_BYTES = 256 << 10;

    private final FlattenedDevice device;
    private final DeviceReader reader;
    private final ErofsImage image;
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);

    FileBlocks(FlattenedDevice device, DeviceReader reader, ErofsImage image) {
        this.device = device;
        this.reader = reader;
        this.image = image;
    }

    /** The mapping of a file whose blocks start at {@code startBlock}; holes have none. */
    List<Mapping> mappings(Inode file, long startBlock) throws IOException {
        long blocks = Math.ceilDiv(file.data().sizeBytes(), Ext4Layout.BLOCK_BYTES);
        if (blocks == 0) {
            return List.of();
        }
        if (!inChunks(file)) {
            return List.of(new Mapping(0, blocks, startBlock));
        }
        List<Mapping> mappings = new ArrayList<>();
        ChunkMap chunks = image.chunks(file);
        long next = startBlock;
        for (int chunk = 0; chunk < chunks.count(); chunk++) {
            if (ChunkIndex.isHole(chunks.index(chunk))) {
                continue;
            }
            long fileBlock = (long) chunk << chunks.chunkBlockBits();
            long count = chunks.blocks(chunk);
            Mapping last = mappings.isEmpty() ? null : mappings.getLast();
            if (last != null && last.fileBlock() + last.blocks() == fileBlock) {
                mappings.set(
                        mappings.size() - 1, new Mapping(last.fileBlock(), last.blocks() + count, last.startBlock()));
            } else {
                mappings.add(new Mapping(fileBlock, count, next));
            }
            next += count;
        }
        return mappings;
    }

    /** Writes the data of {@code file} to where {@code mappings} has it. */
    void write(Inode file, List<Mapping> mappings, FileChannel target) throws IOException {
        for (Mapping mapping : mappings) {
            long fileByte = mapping.fileBlock() * Ext4Layout.BLOCK_BYTES;
            long end = Math.min(
                    file.data().sizeBytes(), (mapping.fileBlock() + mapping.blocks()) * Ext4Layout.BLOCK_BYTES);
            long targetByte = mapping.startBlock() * Ext4Layout.BLOCK_BYTES;
            long whole = inChunks(file) ? (end - fileByte) & -Ext4Layout.BLOCK_BYTES : 0;
            if (whole > 0) {
                share(image.chunks(file), fileByte, fileByte + whole, targetByte, target);
            }
            copy(file, fileByte + whole, end, targetByte + whole, target);
        }
    }

    private boolean inChunks(Inode file) {
        return image.superblock().areas().blockSizeBytes() == Ext4Layout.BLOCK_BYTES
                && (file.data().layout() == Inode.Layout.CHUNK_BASED
                        || file.data().layout() == Inode.Layout.FLAT_PLAIN);
    }

    private void share(ChunkMap chunks, long fromByte, long toByte, long targetByte, FileChannel target)
            throws IOException {
        long chunkBytes = (long) Ext4Layout.BLOCK_BYTES << chunks.chunkBlockBits();
        for (long at = fromByte; at < toByte; ) {
            int chunk = (int) (at / chunkBytes);
            long length = Math.min((chunk + 1) * chunkBytes, toByte) - at;
            long sourceByte = deviceByte(chunks, chunk) + at % chunkBytes;
            for (long done = 0; done < length; ) {
                var extent = device.extentAt(sourceByte + done);
                long count = Math.min(length - done, extent.endByte() - sourceByte - done);
                RawWriter.write(
                        extent.slice(sourceByte + done, sourceByte + done + count)
                                .movedTo(targetByte + at - fromByte + done),
                        reader,
                        target);
                done += count;
            }
            at += length;
        }
    }

    private long deviceByte(ChunkMap chunks, int chunk) throws IOException {
        long index = chunks.index(chunk);
        int deviceId = ChunkIndex.deviceId(index);
        long base = deviceId == 0 ? 0 : image.devices().get(deviceId - 1).uniaddrBlock();
        return (base + ChunkIndex.startBlock(index)) * Ext4Layout.BLOCK_BYTES;
    }

    private void copy(Inode file, long fromByte, long toByte, long targetByte, FileChannel target) throws IOException {
        for (long at = fromByte; at < toByte; ) {
            piece.clear().limit((int) Math.min(PIECE_BYTES, toByte - at));
            int got = image.read(file, at, piece);
            if (got <= 0) {
                throw new EOFException(image.name() + ": inode " + file.place().nid() + " ends at byte " + at);
            }
            piece.flip();
            while (piece.hasRemaining()) {
                target.write(piece, targetByte + at - fromByte + piece.position());
            }
            at += got;
        }
    }
}
