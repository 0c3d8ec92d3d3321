package io.lamina.images.erofs;

/**
 * The feature bits of a superblock (kernel v6.18, fs/erofs/erofs_fs.h).
 *
 * @param compat bits that a reader may not know
 * @param incompat bits that a reader must know
 */
public record Features(int compat, int incompat) {
    /** The superblock's checksum is set. */
    public static final int SB_CHKSUM = 0x1;
    /** Times are modification times; informational. */
    public static final int MTIME = 0x2;
    /** Inodes carry a filter of the attribute names they do not have. */
    public static final int XATTR_FILTER = 0x4;

    /** LZ4 clusters are padded in front. */
    public static final int ZERO_PADDING = 0x1;
    /** Compression configurations follow the superblock; or clusters of several blocks. */
    public static final int COMPR_CFGS = 0x2;
    /** Regular files may be chunk-based. */
    public static final int CHUNKED_FILE = 0x4;
    /** There is a device table; or a second kind of compressed head. */
    public static final int DEVICE_TABLE = 0x8;
    /** Compressed tails may lie in the metadata. */
    public static final int ZTAILPACKING = 0x10;
    /** Tails of files may lie in a packed inode. */
    public static final int FRAGMENTS = 0x20;
    /** Attribute names may have prefixes from a table. */
    public static final int XATTR_PREFIXES = 0x40;

    /** Addresses have 48 bits; compact inodes have times. */
    public static final int ADDRESSES_48BIT = 0x80;
    /** Metadata may lie in the data of an inode, the metabox. */
    public static final int METABOX = 0x100;

    static final int KNOWN_INCOMPAT = (METABOX << 1) - 1;

    /** Attributes that inodes share lie in the metabox. */
    static final int SHARED_XATTRS_IN_METABOX = 0x8;

    /** Prefixes of attribute names lie in the image, even where there is a packed inode. */
    static final int PLAIN_XATTR_PREFIXES = 0x10;

    boolean hasCompressionConfigs() {
        return (incompat & COMPR_CFGS) != 0;
    }

    /** Whether compressed data ends with its block, so that zeroes are in front of it. */
    public boolean isZeroPadded() {
        return (incompat & ZERO_PADDING) != 0;
    }

    boolean hasInlineExtents() {
        return (incompat & ZTAILPACKING) != 0;
    }

    boolean hasFragments() {
        return (incompat & FRAGMENTS) != 0;
    }

    boolean hasXattrPrefixes() {
        return (incompat & XATTR_PREFIXES) != 0;
    }

    boolean has48BitAddresses() {
        return (incompat & ADDRESSES_48BIT) != 0;
    }

    boolean hasMetabox() {
        return (incompat & METABOX) != 0;
    }

    boolean hasSharedXattrsInMetabox() {
        return (compat & SHARED_XATTRS_IN_METABOX) != 0;
    }

    boolean hasChecksum() {
        return (compat & SB_CHKSUM) != 0;
    }

    boolean hasDeviceTable() {
        return (incompat & DEVICE_TABLE) != 0;
    }
}
