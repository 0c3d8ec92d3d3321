package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;

/**
 * The chunks of a regular file, all addresses as {@link ChunkIndex} numbers. A contiguous file is one chunk.
 *
 * @param image where the file is
 * @param inode the file
 * @param chunkBlockBits log2 of a chunk's size in blocks
 * @param count number of chunks, bounded by the image's size
 * @param arrayByte where the addresses lie, or -1 if the inode holds the only one
 */
public record ChunkMap(ErofsImage image, Inode inode, int chunkBlockBits, int count, long arrayByte) {
    private static final int BLOCK_MAP_ENTRY_BYTES = 4;
    private static final int FORMAT_KNOWN =
            ChunkIndex.FORMAT_BITS_MASK | ChunkIndex.FORMAT_INDEXES | ChunkIndex.FORMAT_48BIT;
    private static final long HOLE_32BIT = 0xFFFF_FFFFL;
    private static final long HOLE_48BIT = 0xFFFF_FFFF_FFFFL;

    static ChunkMap of(ErofsImage image, Inode inode) throws IOException {
        long size = inode.data().sizeBytes();
        int blockBits = image.superblock().areas().blockBits();
        if (inode.data().layout() == Inode.Layout.FLAT_PLAIN) {
            int bits = ChunkIndex.chunkBlockBitsFor(size, blockBits);
            if (bits > ChunkIndex.MAX_CHUNK_BLOCK_BITS) {
                throw corrupt(image, inode, "size " + size + " exceeds what block numbers reach");
            }
            return new ChunkMap(image, inode, bits, size == 0 ? 0 : 1, -1);
        }
        if (inode.data().layout() != Inode.Layout.CHUNK_BASED) {
            throw new UnsupportedImageException(
                    image.name() + ": " + inode.label(),
                    "a file of data layout " + inode.data().layout() + " has no chunks");
        }
        int format = inode.data().address();
        if ((format & ~FORMAT_KNOWN) != 0) {
            throw new UnsupportedImageException(
                    image.name() + ": " + inode.label(), "chunk format 0x%x is not known".formatted(format));
        }
        int chunkBlockBits = format & ChunkIndex.FORMAT_BITS_MASK;
        int entryBytes = (format & ChunkIndex.FORMAT_INDEXES) != 0 ? ChunkIndex.BYTES : BLOCK_MAP_ENTRY_BYTES;
        long start = (inode.place().endByte() + entryBytes - 1) & -entryBytes;
        int chunkBits = chunkBlockBits + blockBits;
        long count = (size >>> chunkBits) + ((size & ((1L << chunkBits) - 1)) == 0 ? 0 : 1);
        ImageBytes bytes = image.bytesOf(inode);
        if (count > bytes.endByte() / entryBytes) {
            throw corrupt(image, inode, count + " chunks are more than the image can hold");
        }
        bytes.check("chunk indexes", start, count * entryBytes);
        return new ChunkMap(image, inode, chunkBlockBits, (int) count, start);
    }

    /** The address of chunk {@code number}; its device is one that the image has. */
    public long index(int number) throws IOException {
        if (arrayByte < 0) {
            long block = inode.data().startBlock();
            if (block >= HOLE_32BIT) {
                throw corrupt(image, inode, "starts at block " + block);
            }
            return ChunkIndex.of(0, block);
        }
        ImageBytes bytes = image.bytesOf(inode);
        if ((inode.data().address() & ChunkIndex.FORMAT_INDEXES) == 0) {
            long block = bytes.u32(arrayByte + (long) number * BLOCK_MAP_ENTRY_BYTES);
            return block == HOLE_32BIT ? ChunkIndex.HOLE : ChunkIndex.of(0, block);
        }
        long index = bytes.i64(arrayByte + (long) number * ChunkIndex.BYTES);
        boolean longAddress = (inode.data().address() & ChunkIndex.FORMAT_48BIT) != 0;
        long block = ChunkIndex.startBlock(index);
        if (longAddress ? block == HOLE_48BIT : (block & HOLE_32BIT) == HOLE_32BIT) {
            return ChunkIndex.HOLE;
        }
        if (longAddress ? ChunkIndex.isHole(index) : block > HOLE_32BIT) {
            throw corrupt(image, inode, "chunk " + number + " has an address of more than 32 bits, " + block);
        }
        if (ChunkIndex.deviceId(index) > image.devices().size()) {
            throw corrupt(
                    image,
                    inode,
                    "chunk " + number + " lies on device " + ChunkIndex.deviceId(index) + " of "
                            + image.devices().size());
        }
        return index;
    }

    /** Blocks that chunk {@code number} needs: fewer than a whole chunk for the last one. */
    public long blocks(int number) {
        int blockBits = image.superblock().areas().blockBits();
        long chunkBytes = 1L << (chunkBlockBits + blockBits);
        long left = inode.data().sizeBytes() - number * chunkBytes;
        return (Math.min(left, chunkBytes) + (1L << blockBits) - 1) >> blockBits;
    }

    /** Bytes of metadata that the addresses take. */
    long arrayBytes() {
        return arrayByte < 0
                ? 0
                : (long) count
                        * ((inode.data().address() & ChunkIndex.FORMAT_INDEXES) != 0
                                ? ChunkIndex.BYTES
                                : BLOCK_MAP_ENTRY_BYTES);
    }

    private static IOException corrupt(ErofsImage image, Inode inode, String rule) {
        return image.corrupt(inode, rule);
    }
}
