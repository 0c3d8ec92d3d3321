package io.lamina.host.store;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * Where a store lies. Both directories are its owner's alone (mode 0700) and may be the same one.
 *
 * <pre>
 * images/blobs/ fsmeta/ staging/ quarantine/   what is shared and can be made again
 * state/lamina.db snapshots/ mnt/              what belongs to containers
 * </pre>
 *
 * @param images the image store
 * @param state the state of containers
 */
public record StoreRoot(Path images, Path state) {
    /** SQLite's log needs shared memory, overlayfs an upper file system with attributes, and both need real locks. */
    private static final Set<String> UNSUITABLE = Set.of(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "9p",
            "virtiofs",
            "fuse",
            "fuseblk",
            "fuse.sshfs",
            "vfat",
            "msdos",
            "exfat",
            "ntfs",
            "ntfs3",
            "overlay",
            "squashfs",
            "erofs",
            "iso9660");

    /** Both in one directory. */
    public static StoreRoot in(Path root) {
        return new StoreRoot(root, root);
    }

    /** Makes what is missing, and refuses a file system that cannot hold a store. */
    void make() throws IOException {
        FileAttribute<?> ownerOnly = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        for (Path root : new Path[] {images, state}) {
            Files.createDirectories(root, ownerOnly);
            FileStore fileSystem = Files.getFileStore(root);
            if (UNSUITABLE.contains(fileSystem.type())) {
                throw new IOException(root + " lies on " + fileSystem.type()
                        + ", which cannot hold a store; use a directory on ext4, xfs or btrfs");
            }
            Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx------"));
        }
        for (Path part : new Path[] {blobs(), fsmeta(), staging(), snapshots(), mounts()}) {
            Files.createDirectories(part, ownerOnly);
        }
    }

    Path blobs() {
        return images.resolve("blobs");
    }

    Path fsmeta() {
        return images.resolve("fsmeta");
    }

    Path staging() {
        return images.resolve("staging");
    }

    Path database() {
        return state.resolve("lamina.db");
    }

    Path snapshots() {
        return state.resolve("snapshots");
    }

    /** Where flattened devices are mounted, each under the number of its fsmeta. */
    public Path mounts() {
        return state.resolve("mnt");
    }
}
