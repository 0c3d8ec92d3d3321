package io.lamina.images.erofs;

/**
 * What an inode says of a file besides its contents.
 *
 * @param mode type and permissions, see {@link FileType}
 * @param owner user and group
 * @param mtime time of the last change, the only time that EROFS keeps
 * @param xattrs extended attributes
 */
public record Attributes(int mode, Owner owner, Timestamp mtime, Xattrs xattrs) {
    /** The same with other extended attributes. */
    public Attributes withXattrs(Xattrs replacement) {
        return new Attributes(mode, owner, mtime, replacement);
    }
}
