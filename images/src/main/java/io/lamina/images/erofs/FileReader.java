package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Reads the data of regular files. */
final class FileReader {
    private static final int COPY_BYTES = 64 << 10;

    private final ErofsImage image;
    private final ByteSource source;
    private final long sourceBytes;
    private final int blockBits;
    private final Decompressor decompressor;
    private byte[] piece = new byte[0];

    /** @param keptBytes of a file may be kept decompressed; one extent is always */
    FileReader(ErofsImage image, ByteSource source, long sourceBytes, long keptBytes) {
        this.image = image;
        this.source = source;
        this.sourceBytes = sourceBytes;
        this.blockBits = image.superblock().areas().blockBits();
        this.decompressor = new Decompressor(image, keptBytes);
    }

    int read(Inode file, long offsetBytes, ByteBuffer into) throws IOException {
        if (file.type() != FileType.REGULAR || offsetBytes < 0) {
            throw new IllegalArgumentException("inode " + file.place().nid() + ", offset " + offsetBytes);
        }
        return readData(file, offsetBytes, into);
    }

    /** Copies bytes of an inode of any type that has data; all of them must be there. */
    void copy(Inode inode, long offsetBytes, byte[] into, int at, int length) throws IOException {
        if (readData(inode, offsetBytes, ByteBuffer.wrap(into, at, length)) < length) {
            throw corrupt(inode, length + " bytes from byte " + offsetBytes + " on are not there");
        }
    }

    private int readData(Inode file, long offsetBytes, ByteBuffer into) throws IOException {
        int done = 0;
        long size = file.data().sizeBytes();
        while (into.hasRemaining() && offsetBytes + done < size) {
            long at = offsetBytes + done;
            int wanted = (int) Math.min(into.remaining(), size - at);
            done += switch (file.data().layout()) {
                case FLAT_PLAIN, CHUNK_BASED -> readChunk(image.chunks(file), at, wanted, into);
                case FLAT_INLINE -> readInline(file, at, wanted, into);
                case COMPRESSED_FULL, COMPRESSED_COMPACT -> readCompressed(file, at, wanted, into);
            };
        }
        return done;
    }

    private int readCompressed(Inode file, long at, int wanted, ByteBuffer into) throws IOException {
        if (into.hasArray()) {
            int count = decompressor.read(file, at, into.array(), into.arrayOffset() + into.position(), wanted);
            into.position(into.position() + count);
            return count;
        }
        // One for all extents: they may be as short as a byte each, whatever is wanted.
        if (piece.length == 0) {
            piece = new byte[COPY_BYTES];
        }
        int count = decompressor.read(file, at, piece, 0, Math.min(wanted, piece.length));
        into.put(piece, 0, count);
        return count;
    }

    private int readInline(Inode file, long at, int wanted, ByteBuffer into) throws IOException {
        long tailStart = file.data().sizeBytes() >> blockBits << blockBits;
        if (at < tailStart) {
            int count = (int) Math.min(wanted, tailStart - at);
            copy(file, (file.data().startBlock() << blockBits) + at, count, into);
            return count;
        }
        byte[] tail = image.inlineTail(file);
        into.put(tail, (int) (at - tailStart), wanted);
        return wanted;
    }

    private int readChunk(ChunkMap chunks, long at, int wanted, ByteBuffer into) throws IOException {
        long chunkBytes = 1L << (chunks.chunkBlockBits() + blockBits);
        int number = (int) (at / chunkBytes);
        long inChunk = at % chunkBytes;
        int count = (int) Math.min(wanted, chunkBytes - inChunk);
        long index = chunks.index(number);
        if (ChunkIndex.isHole(index)) {
            for (int i = 0; i < count; i++) {
                into.put((byte) 0);
            }
            return count;
        }
        int device = ChunkIndex.deviceId(index);
        long base = 0;
        if (device > 0) {
            DeviceSlot slot = image.devices().get(device - 1);
            if (ChunkIndex.startBlock(index) + chunks.blocks(number) > slot.blocks()) {
                throw corrupt(chunks.inode(), "chunk " + number + " leaves device " + device);
            }
            base = slot.uniaddrBlock();
        }
        copy(chunks.inode(), ((base + ChunkIndex.startBlock(index)) << blockBits) + inChunk, count, into);
        return count;
    }

    /** Fills {@code into} from byte {@code sourceByte} of the source. */
    void fill(Inode file, long sourceByte, byte[] into) throws IOException {
        copy(file, sourceByte, into.length, ByteBuffer.wrap(into));
    }

    private void copy(Inode file, long sourceByte, int count, ByteBuffer into) throws IOException {
        if (sourceByte < 0 || sourceByte > sourceBytes - count) {
            throw corrupt(file, "data at byte " + sourceByte + " lies behind the end, byte " + sourceBytes);
        }
        try {
            if (into.hasArray()) {
                source.read(sourceByte, into.array(), into.arrayOffset() + into.position(), count);
                into.position(into.position() + count);
                return;
            }
            byte[] piece = new byte[Math.min(count, COPY_BYTES)];
            for (int done = 0; done < count; done += piece.length) {
                int length = Math.min(piece.length, count - done);
                source.read(sourceByte + done, piece, 0, length);
                into.put(piece, 0, length);
            }
        } catch (EOFException shrunk) {
            CorruptImageException failure = corrupt(file, "the file became shorter while it was read");
            failure.initCause(shrunk);
            throw failure;
        }
    }

    private CorruptImageException corrupt(Inode file, String rule) {
        return image.corrupt(file, rule);
    }
}
