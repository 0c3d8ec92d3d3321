package io.lamina.images.erofs;

import java.io.IOException;

/** What directories and symbolic links contain, a block at a time. */
final class Contents {
    private final ErofsImage image;
    private final FileReader reader;

    /** @param reader of what is not flat, and of nothing else: it keeps what it decompressed last */
    Contents(ErofsImage image, FileReader reader) {
        this.image = image;
        this.reader = reader;
    }

    /**
     * Copies the first {@code length} bytes of block {@code number} to {@code at}.
     *
     * @return where they lie in the image or the metabox, for messages; if they do not lie there as they are, where the
     *     inode does
     */
    long copy(Inode inode, long number, byte[] into, int at, int length) throws IOException {
        int blockBits = image.superblock().areas().blockBits();
        boolean inline = false;
        switch (inode.data().layout()) {
            case FLAT_PLAIN -> {}
            case FLAT_INLINE -> inline = number >= inode.data().sizeBytes() >> blockBits;
            case CHUNK_BASED, COMPRESSED_FULL, COMPRESSED_COMPACT -> {
                reader.copy(inode, number << blockBits, into, at, length);
                return inode.place().startByte();
            }
        }
        ImageBytes bytes = inline ? image.bytesOf(inode) : image.bytes();
        long start = inline ? inlineTailByte(inode) : (inode.data().startBlock() + number) << blockBits;
        bytes.check("contents of " + inode.label(), start, length);
        bytes.copy(start, into, at, length);
        return start;
    }

    byte[] symlinkTarget(Inode link) throws IOException {
        int length = (int) link.data().sizeBytes();
        int blockSizeBytes = image.superblock().areas().blockSizeBytes();
        byte[] target = new byte[length];
        for (int done = 0; done < length; done += blockSizeBytes) {
            copy(link, done / blockSizeBytes, target, done, Math.min(blockSizeBytes, length - done));
        }
        for (byte b : target) {
            if (b == 0) {
                throw image.corrupt(link, "the symbolic link holds NUL");
            }
        }
        return target;
    }

    /** Where the tail of an inode with {@code FLAT_INLINE} lies in the inode's bytes; it must not cross a block. */
    long inlineTailByte(Inode inode) throws IOException {
        ImageBytes bytes = image.bytesOf(inode);
        int blockSizeBytes = image.superblock().areas().blockSizeBytes();
        long start = inode.place().endByte();
        long tail = inode.data().sizeBytes() & (blockSizeBytes - 1);
        if ((start & (blockSizeBytes - 1)) + tail > blockSizeBytes) {
            throw bytes.corrupt(inode.label(), start, "inline tail crosses a block");
        }
        bytes.check("inline tail", start, tail);
        return start;
    }
}
