package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import java.io.IOException;

/**
 * Bounds a walk of a whole tree. Valid structures do not overlap, so that the sum of all that a walk reads once stays
 * below the image's size; this ends walks of images that lead to the same bytes again and again. One thread at a time.
 */
public final class WalkBudget {
    private final ErofsImage image;
    private long unspentBytes;

    /** The budget of one walk through {@code image}. */
    public WalkBudget(ErofsImage image) {
        this.image = image;
        this.unspentBytes = image.bytes().endByte();
    }

    /**
     * Counts an inode, its attributes and what its layout puts behind it; blocks of directories count as they are read.
     *
     * @throws CorruptImageException if the walk has read more metadata than the image can hold
     */
    public void spend(Inode inode) throws IOException {
        long bytes = inode.place().endByte() - inode.place().startByte();
        switch (inode.type()) {
            case SYMLINK -> bytes += inode.data().sizeBytes();
            case REGULAR -> bytes += regularBytes(inode);
            case DIRECTORY, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> {}
        }
        spend(inode, bytes);
    }

    private long regularBytes(Inode inode) throws IOException {
        return switch (inode.data().layout()) {
            case CHUNK_BASED -> image.chunks(inode).arrayBytes();
            case FLAT_INLINE ->
                inode.data().sizeBytes() & (image.superblock().areas().blockSizeBytes() - 1);
            case COMPRESSED_FULL, COMPRESSED_COMPACT ->
                inode.data().sizeBytes() == 0
                        ? 0
                        : CompressedMap.of(image, inode).metadataBytes();
            case FLAT_PLAIN -> 0;
        };
    }

    void spend(Inode inode, long bytes) throws CorruptImageException {
        unspentBytes -= bytes;
        if (unspentBytes < 0) {
            throw image.bytes()
                    .corrupt(
                            "inode " + inode.place().nid(),
                            inode.place().startByte(),
                            "the metadata walked so far is larger than the image, so that parts of it overlap");
        }
    }
}
