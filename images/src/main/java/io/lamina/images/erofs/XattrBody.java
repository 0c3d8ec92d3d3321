package io.lamina.images.erofs;

import java.io.IOException;
import java.util.List;

/**
 * The attributes behind an inode: a header of 12 bytes, numbers of shared entries, then entries of its own
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_xattr_ibody_header</a>).
 *
 * @param shared entries in the shared area
 * @param own entries that lie in the body
 */
record XattrBody(List<Xattr> shared, List<Xattr> own) {
    static final XattrBody EMPTY = new XattrBody(List.of(), List.of());

    static final int HEADER_BYTES = 12;
    static final int SHARED_COUNT = 4;
    static final int MAX_SHARED = 255;
    static final int ID_BYTES = 4;
    /** Entries, own and shared, start at multiples of it. */
    static final int ALIGNMENT = 4;

    private static final int RESERVED_BYTES = 7;
    private static final int MAX_ICOUNT = 0xFFFF;

    /** The body's size for the inode field {@code i_xattr_icount}. */
    static int sizeBytes(int icount) {
        return icount == 0 ? 0 : HEADER_BYTES + ALIGNMENT * (icount - 1);
    }

    int sizeBytes() {
        if (shared.isEmpty() && own.isEmpty()) {
            return 0;
        }
        int bytes = HEADER_BYTES + ID_BYTES * shared.size();
        for (Xattr attribute : own) {
            bytes += attribute.entryBytes();
        }
        return bytes;
    }

    int icount() {
        int bytes = sizeBytes();
        return bytes == 0 ? 0 : 1 + (bytes - HEADER_BYTES) / ALIGNMENT;
    }

    /** Whether the inode's field can say how large this is. */
    boolean isTooLarge() {
        return icount() > MAX_ICOUNT;
    }

    void write(BlobOutput out, SharedXattrs area) throws IOException {
        if (sizeBytes() == 0) {
            return;
        }
        int present = 0;
        for (Xattr attribute : shared) {
            present |= attribute.filterBit();
        }
        for (Xattr attribute : own) {
            present |= attribute.filterBit();
        }
        out.putInt(~present);
        out.putByte(shared.size());
        out.putZeroes(RESERVED_BYTES);
        for (Xattr attribute : shared) {
            out.putInt(area.id(attribute));
        }
        for (Xattr attribute : own) {
            attribute.write(out);
        }
    }
}
