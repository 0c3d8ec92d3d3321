package io.lamina.images.erofs;

/**
 * Who owns an inode. Both numbers are unsigned 32-bit values.
 *
 * @param uid the user
 * @param gid the group
 */
public record Owner(int uid, int gid) {
    /** 0:0. */
    public static final Owner ROOT = new Owner(0, 0);

    /** An owner; the common one is shared. */
    public static Owner of(int uid, int gid) {
        return (uid | gid) == 0 ? ROOT : new Owner(uid, gid);
    }

    /** Whether a compact inode has room for both numbers. */
    boolean fitsCompact() {
        return ((uid | gid) >>> 16) == 0;
    }
}
