package io.lamina.images.erofs;

/**
 * The filter of attribute names: a word in which a set bit says that no attribute whose name hashes to it is there
 * (kernel v6.18: fs/erofs/xattr.c and EROFS_XATTR_FILTER_SEED in fs/erofs/erofs_fs.h).
 */
final class XattrFilter {
    private static final int SEED = 0x25BBE08F;

    private XattrFilter() {}

    /** The bit of a name in namespace {@code namespace}. */
    static int bit(int namespace, byte[] name) {
        return 1 << (XxHash32.hash(name, SEED + namespace) & 31);
    }
}
