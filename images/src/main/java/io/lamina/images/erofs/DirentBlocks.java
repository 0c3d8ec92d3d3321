package io.lamina.images.erofs;

import java.io.IOException;
import java.util.Objects;

/**
 * The blocks of a directory: entries of 12 bytes, then their names back to back
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_dirent</a>). Each block
 * takes as many entries as fit; all but the last are padded with zeroes.
 */
final class DirentBlocks {
    /** Size of an entry without its name. */
    static final int DIRENT_BYTES = 12;

    /** Offset of the name's position within the block, 16 bits. */
    static final int NAMEOFF = 8;

    /** Offset of the type within an entry. */
    static final int FILE_TYPE = 10;

    /** The longest name. */
    static final int MAX_NAME_BYTES = 255;

    private DirentBlocks() {}

    /** The number of the first entry that the block starting with entry {@code from} does not hold. */
    static int blockEnd(Directory directory, int from, int blockSizeBytes) {
        int used = 0;
        int to = from;
        while (to < directory.count()) {
            int needed = DIRENT_BYTES + directory.entry(to).name().length;
            if (used + needed > blockSizeBytes) {
                break;
            }
            used += needed;
            to++;
        }
        return to;
    }

    /** The directory's size: whole blocks, and the used bytes of the last one. */
    static long sizeBytes(Directory directory, int blockSizeBytes) {
        long bytes = 0;
        int used = 0;
        for (int i = 0; i < directory.count(); i++) {
            int needed = DIRENT_BYTES + directory.entry(i).name().length;
            if (used + needed > blockSizeBytes) {
                bytes += blockSizeBytes;
                used = 0;
            }
            used += needed;
        }
        return bytes + used;
    }

    /** Writes one block without its padding. */
    static void write(BlobOutput out, Directory directory, int from, int to) throws IOException {
        int nameoff = (to - from) * DIRENT_BYTES;
        for (int i = from; i < to; i++) {
            TreeInode inode = Objects.requireNonNull(directory.entry(i).inode());
            out.putLong(Integer.toUnsignedLong(inode.nid()));
            out.putShort(nameoff);
            out.putByte(inode.type().direntCode());
            out.putByte(0);
            nameoff += directory.entry(i).name().length;
        }
        for (int i = from; i < to; i++) {
            byte[] name = directory.entry(i).name();
            out.put(name, 0, name.length);
        }
    }
}
