package io.lamina.host.store;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/**
 * Where a store lies. Both directories are its owner's alone (mode 0700) and may be the same one.
 *
 * <pre>
 * images/blobs/ fsmeta/ staging/ quarantine/   what is shared and can be made again
 * images/index.db                              where it was published, what others read
 * state/lamina.db snapshots/ mnt/ sockets/     what belongs to containers
 * </pre>
 *
 * @param images the image store
 * @param state the state of containers
 * @param additional image stores of others that are looked in where a layer or image is not here, in this order
 */
public record StoreRoot(Path images, Path state, List<Path> additional) {
    /** The copy of the index that others read, see {@link Publication}. */
    static final String INDEX = "index.db";

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

    /** Keeps a copy. */
    public StoreRoot {
        additional = List.copyOf(additional);
    }

    /** Two directories, and none of others. */
    public StoreRoot(Path images, Path state) {
        this(images, state, List.of());
    }

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
        for (Path part : new Path[] {blobs(), fsmeta(), staging(), snapshots(), mounts(), sockets()}) {
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

    Path index() {
        return images.resolve(INDEX);
    }

    Path database() {
        return state.resolve("lamina.db");
    }

    Path snapshots() {
        return state.resolve("snapshots");
    }

    /** Where devices are served to machines. */
    public Path sockets() {
        return state.resolve("sockets");
    }

    /** Where flattened devices are mounted, each under the number of its fsmeta. */
    public Path mounts() {
        return state.resolve("mnt");
    }
}
