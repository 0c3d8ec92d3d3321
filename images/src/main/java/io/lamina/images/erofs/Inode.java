package io.lamina.images.erofs;

import io.lamina.images.UnsupportedImageException;
import java.io.IOException;

/**
 * An inode: 32 bytes (compact) or 64 (extended), then its attributes, then what its layout puts behind
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_inode_compact and
 * _extended</a>).
 *
 * @param place where its parts lie
 * @param mode type and permissions; the type is one of {@link FileType}
 * @param owner user and group
 * @param mtime time of the last change
 * @param links number of names
 * @param data how its contents are found
 */
public record Inode(Place place, int mode, Owner owner, Timestamp mtime, long links, Data data) {
    /** Node ids count in units of it; each inode starts at a multiple. */
    public static final int NID_BYTES = 32;

    /** The longest target of a symbolic link, PATH_MAX without its NUL. */
    public static final int MAX_SYMLINK_BYTES = 4095;

    static final int COMPACT_BYTES = 32;
    static final int EXTENDED_BYTES = 64;

    /** The address of contents that have no block. */
    static final int NO_BLOCK = -1;

    private static final int FORMAT_EXTENDED = 0x1;
    private static final int FORMAT_LAYOUT_SHIFT = 1;
    private static final int FORMAT_LAYOUT_MASK = 0x7;
    /** Of a directory: it has no entry {@code .}; of another compact inode: it has one name, and a long address. */
    private static final int FORMAT_DOT_OMITTED_OR_ONE_LINK = 0x10;

    private static final int FORMAT_KNOWN = 0x1F;
    /** In a node id: the inode lies in the metabox. */
    private static final long NID_METABOX = Long.MIN_VALUE;

    private static final int XATTR_ICOUNT = 2;
    private static final int MODE = 4;
    /** Number of names, or the upper half of an address. */
    private static final int NB = 6;

    private static final int SIZE = 8;
    private static final int COMPACT_MTIME = 12;
    private static final int ADDRESS = 16;
    private static final int COMPACT_UID = 24;
    private static final int COMPACT_GID = 26;
    private static final int EXTENDED_UID = 24;
    private static final int EXTENDED_GID = 28;
    private static final int EXTENDED_MTIME = 32;
    private static final int EXTENDED_MTIME_NSEC = 40;
    private static final int EXTENDED_NLINK = 44;

    /**
     * Where the inode lies.
     *
     * @param nid node id, the inode's position in units of {@link #NID_BYTES} from the metadata's start; if negative,
     *     without its sign bit within the metabox
     * @param startByte of the inode within the image, or the metabox
     * @param xattrStartByte of its attributes
     * @param xattrBytes size of its attributes, 0 if there are none
     */
    public record Place(long nid, long startByte, long xattrStartByte, int xattrBytes) {
        /** Whether this and all other metadata of the inode lies in the metabox. */
        boolean inMetabox() {
            return isInMetabox(nid);
        }

        /** The first byte behind inode and attributes. */
        long endByte() {
            return xattrStartByte + xattrBytes;
        }
    }

    /**
     * How contents are found.
     *
     * @param layout one of {@link Layout}
     * @param sizeBytes of the file
     * @param address first block, number of compressed blocks, chunk format or device number, by layout and type
     * @param addressHigh bits 32 to 47 of the first block
     * @param dotOmitted whether a directory has no entry {@code .}
     */
    public record Data(Layout layout, long sizeBytes, int address, int addressHigh, boolean dotOmitted) {
        /** The first block. */
        public long startBlock() {
            return (address & 0xFFFF_FFFFL) | (long) addressHigh << Integer.SIZE;
        }
    }

    /** The data layouts, with and in the order of their numbers on disk. */
    public enum Layout {
        /** Contiguous blocks. */
        FLAT_PLAIN(0),
        /** Compressed, with full indexes. */
        COMPRESSED_FULL(1),
        /** Contiguous blocks and a tail behind the inode. */
        FLAT_INLINE(2),
        /** Compressed, with compacted indexes. */
        COMPRESSED_COMPACT(3),
        /** Chunks of equal size, each with an address. */
        CHUNK_BASED(4);

        private static final Layout[] BY_CODE = values();

        private final int code;

        Layout(int code) {
            this.code = code;
        }

        boolean isCompressed() {
            return this == COMPRESSED_FULL || this == COMPRESSED_COMPACT;
        }
    }

    /** The inode's kind; never unknown, since reading refuses that. */
    public FileType type() {
        FileType type = FileType.ofMode(mode);
        if (type == null) {
            throw new IllegalStateException("mode " + Integer.toOctalString(mode));
        }
        return type;
    }

    /** What messages call the inode. */
    String label() {
        return label(place.nid());
    }

    static String label(long nid) {
        return isInMetabox(nid) ? "inode " + (nid & ~NID_METABOX) + " of the metabox" : "inode " + nid;
    }

    static boolean isInMetabox(long nid) {
        return nid < 0;
    }

    /** @param image the bytes that {@code nid} leads to: the image's, or the metabox's */
    static Inode read(ImageBytes image, Superblock superblock, long nid) throws IOException {
        long areaStart = isInMetabox(nid)
                ? 0
                : superblock.areas().metaBlock() << superblock.areas().blockBits();
        long inodesBefore = nid & ~NID_METABOX;
        if (inodesBefore > (image.endByte() - areaStart) / NID_BYTES) {
            throw image.corrupt(label(nid), areaStart, "the node id lies outside the image");
        }
        long start = areaStart + inodesBefore * NID_BYTES;
        image.check("inode", start, COMPACT_BYTES);
        int format = image.u16(start);
        if ((format & ~FORMAT_KNOWN) != 0) {
            throw new UnsupportedImageException(
                    image.name() + ": inode " + nid, "format 0x%x at byte %d is not known".formatted(format, start));
        }
        boolean special = (format & FORMAT_DOT_OMITTED_OR_ONE_LINK) != 0;
        int layout = (format >> FORMAT_LAYOUT_SHIFT) & FORMAT_LAYOUT_MASK;
        if (layout >= Layout.BY_CODE.length) {
            throw new UnsupportedImageException(
                    image.name() + ": inode " + nid, "data layout " + layout + " at byte " + start + " is not known");
        }
        boolean extended = (format & FORMAT_EXTENDED) != 0;
        int mode = image.u16(start + MODE);
        if (FileType.ofMode(mode) == null) {
            throw image.corrupt(label(nid), start, "mode 0%o has no file type".formatted(mode));
        }
        int bytes = extended ? EXTENDED_BYTES : COMPACT_BYTES;
        image.check("inode", start, bytes);
        int xattrBytes = XattrBody.sizeBytes(image.u16(start + XATTR_ICOUNT));
        Place place = new Place(nid, start, start + bytes, xattrBytes);
        image.check("extended attributes", place.xattrStartByte(), xattrBytes);
        Inode inode = extended
                ? readExtended(image, superblock, place, Layout.BY_CODE[layout], special)
                : readCompact(image, superblock, place, Layout.BY_CODE[layout], special);
        inode.checkSize(image);
        return inode;
    }

    private static Inode readCompact(
            ImageBytes image, Superblock superblock, Place place, Layout layout, boolean special) throws IOException {
        long start = place.startByte();
        Timestamp epoch = superblock.epoch();
        int mode = image.u16(start + MODE);
        boolean directory = FileType.ofMode(mode) == FileType.DIRECTORY;
        boolean oneLink = special && !directory;
        int linksOrHigh = image.u16(start + NB);
        // Kernels from 6.15 on add the field, older ones ignore it; writers for both leave it zero.
        long sinceEpoch = image.u32(start + COMPACT_MTIME);
        Timestamp mtime = sinceEpoch == 0 ? epoch : new Timestamp(epoch.seconds() + sinceEpoch, epoch.nanos());
        return new Inode(
                place,
                mode,
                Owner.of(image.u16(start + COMPACT_UID), image.u16(start + COMPACT_GID)),
                mtime,
                oneLink ? 1 : linksOrHigh,
                new Data(
                        layout,
                        image.u32(start + SIZE),
                        image.i32(start + ADDRESS),
                        oneLink ? linksOrHigh : 0,
                        special && directory));
    }

    private static Inode readExtended(
            ImageBytes image, Superblock superblock, Place place, Layout layout, boolean special) throws IOException {
        long start = place.startByte();
        int high = image.u16(start + NB);
        if (high != 0 && !superblock.features().has48BitAddresses()) {
            throw image.corrupt(label(place.nid()), start, "i_nb is not 0, but addresses have 32 bits here");
        }
        long nanos = image.u32(start + EXTENDED_MTIME_NSEC);
        if (nanos >= Timestamp.NANOS_PER_SECOND) {
            throw image.corrupt(label(place.nid()), start, "nanoseconds are " + nanos);
        }
        return new Inode(
                place,
                image.u16(start + MODE),
                Owner.of(image.i32(start + EXTENDED_UID), image.i32(start + EXTENDED_GID)),
                new Timestamp(image.i64(start + EXTENDED_MTIME), (int) nanos),
                image.u32(start + EXTENDED_NLINK),
                new Data(layout, image.i64(start + SIZE), image.i32(start + ADDRESS), high, special));
    }

    private void checkSize(ImageBytes image) throws IOException {
        long size = data.sizeBytes();
        if (size < 0) {
            throw image.corrupt(label(place.nid()), place.startByte(), "size is negative: " + size);
        }
        if (type() == FileType.SYMLINK && (size == 0 || size > MAX_SYMLINK_BYTES)) {
            throw image.corrupt(
                    label(place.nid()), place.startByte(), "symbolic link of " + size + " bytes, not 1 to 4095");
        }
    }

    /** What writing an inode needs besides its attributes. */
    record Fields(boolean extended, int xattrIcount, Layout layout, long sizeBytes, int address) {
        int bytes() {
            return extended ? EXTENDED_BYTES : COMPACT_BYTES;
        }
    }

    /** Whether the compact form can say all this, given the time that compact inodes share. */
    static boolean fitsCompact(Attributes attributes, long links, long sizeBytes, Timestamp epoch) {
        return sizeBytes <= 0xFFFF_FFFFL
                && links <= 0xFFFF
                && attributes.owner().fitsCompact()
                && attributes.mtime().equals(epoch);
    }

    /** @param serial a number for readers of the dump; kernels take the node id for st_ino */
    static void write(BlobOutput out, Attributes attributes, Fields fields, long links, int serial) throws IOException {
        out.putShort((fields.extended() ? FORMAT_EXTENDED : 0) | fields.layout().code << FORMAT_LAYOUT_SHIFT);
        out.putShort(fields.xattrIcount());
        out.putShort(attributes.mode());
        Owner owner = attributes.owner();
        if (fields.extended()) {
            out.putShort(0);
            out.putLong(fields.sizeBytes());
            out.putInt(fields.address());
            out.putInt(serial);
            out.putInt(owner.uid());
            out.putInt(owner.gid());
            out.putLong(attributes.mtime().seconds());
            out.putInt(attributes.mtime().nanos());
            out.putInt((int) links);
            out.putZeroes(EXTENDED_BYTES - EXTENDED_NLINK - Integer.BYTES);
        } else {
            out.putShort((int) links);
            out.putInt((int) fields.sizeBytes());
            out.putInt(0);
            out.putInt(fields.address());
            out.putInt(serial);
            out.putShort(owner.uid());
            out.putShort(owner.gid());
            out.putInt(0);
        }
    }
}
