package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import java.io.IOException;

/**
 * Bounds a walk of a whole tree. Valid structures do not overlap, so that the sum of all that a walk reads once stays
 * below the image's size, but for what is compressed; this ends walks of images that lead to the same bytes again and again. One thread at a time.
 */
public final class WalkBudget {
    private final ErofsImage image;
    /** More than metadata of any real tree is compressed, and bounds what a small image may cost. */
    static final int MAX_RATIO = 64;

    private long unspentBytes;
    /** Whether what lies in the metabox is still to be added. */
    private boolean metaboxToCome;

    /** The budget of one walk through {@code image}. */
    public WalkBudget(ErofsImage image) {
        this.image = image;
        this.unspentBytes = image.bytes().endByte();
        this.metaboxToCome = true;
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
            case DIRECTORY -> bytes += inode.data().layout().isCompressed() ? regularBytes(inode) : 0;
            case CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> {}
        }
        if (inode.place().inMetabox() && metaboxToCome) {
            unspentBytes += image.bytesOf(inode).endByte();
            metaboxToCome = false;
        }
        spend(inode, bytes);
    }

    private long regularBytes(Inode inode) throws IOException {
        return switch (inode.data().layout()) {
            case CHUNK_BASED -> image.chunks(inode).arrayBytes();
            case FLAT_INLINE ->
                inode.data().sizeBytes() & (image.superblock().areas().blockSizeBytes() - 1);
            case COMPRESSED_FULL, COMPRESSED_COMPACT ->
                inode.data().sizeBytes() == 0 ? 0 : FileExtents.of(image, inode).metadataBytes();
            case FLAT_PLAIN -> 0;
        };
    }

    /** Counts a block of a directory. */
    void spendBlock(Inode directory, int bytes) throws IOException {
        spend(directory, directory.data().layout().isCompressed() ? Math.ceilDiv(bytes, MAX_RATIO) : bytes);
    }

    private void spend(Inode inode, long bytes) throws CorruptImageException {
        unspentBytes -= bytes;
        if (unspentBytes < 0) {
            throw image.corrupt(
                    inode, "the metadata walked so far is larger than the image, so that parts of it overlap");
        }
    }
}
