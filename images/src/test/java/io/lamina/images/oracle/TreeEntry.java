package io.lamina.images.oracle;

import io.lamina.linux.FileStatus.DeviceNumber;
import io.lamina.linux.FileStatus.Timestamp;
import java.util.SortedMap;
import java.util.SortedSet;

/**
 * All that can be told of one name in a tree.
 *
 * @param type {@code file}, {@code directory}, {@code symlink}, {@code character device}, {@code block device},
 *     {@code fifo} or {@code socket}
 * @param permissions the twelve permission bits
 * @param inodeGroup the paths of the tree that name the same inode, this one among them
 * @param target what a symbolic link holds, else empty
 * @param xattrs hexadecimal values by name
 * @param contentSha256 hexadecimal hash of a regular file's bytes, else empty
 */
public record TreeEntry(
        String type,
        int permissions,
        long uid,
        long gid,
        Timestamp modified,
        long sizeBytes,
        DeviceNumber specialDevice,
        long linkCount,
        SortedSet<String> inodeGroup,
        String target,
        SortedMap<String, String> xattrs,
        String contentSha256) {

    /** The parts of an entry that two trees are compared in. */
    public enum Field {
        TYPE,
        PERMISSIONS,
        UID,
        GID,
        MODIFIED,
        SIZE,
        SPECIAL_DEVICE,
        LINK_COUNT,
        INODE_GROUP,
        TARGET,
        XATTRS,
        CONTENT;

        /** This field's value in {@code entry}, comparable by {@code equals}. */
        public Object of(TreeEntry entry) {
            return switch (this) {
                case TYPE -> entry.type();
                case PERMISSIONS -> String.format("%04o", entry.permissions());
                case UID -> entry.uid();
                case GID -> entry.gid();
                case MODIFIED -> entry.modified();
                case SIZE -> entry.sizeBytes();
                case SPECIAL_DEVICE -> entry.specialDevice();
                case LINK_COUNT -> entry.linkCount();
                case INODE_GROUP -> entry.inodeGroup();
                case TARGET -> entry.target();
                case XATTRS -> entry.xattrs();
                case CONTENT -> entry.contentSha256();
            };
        }
    }

    /** Whether the entry is a directory. */
    public boolean isDirectory() {
        return type.equals("directory");
    }
}
