package io.lamina.shim.ext4;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oracle.Exemption;
import io.lamina.images.oracle.MountedErofs;
import io.lamina.images.oracle.TreeListing;
import io.lamina.images.testing.Programs;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.LoopDevice;
import io.lamina.linux.Mount;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Writes ext4 images of EROFS images, and has the kernel and e2fsck say what they are. */
final class Ext4Judge {
    private final PrivateMounts mounts;
    private final Path directory;

    /** @param directory empty, not on tmpfs */
    Ext4Judge(PrivateMounts mounts, Path directory) {
        this.mounts = mounts;
        this.directory = directory;
    }

    /** A device with one part, the image in {@code file}. */
    static FlattenedDevice device(Path file) throws IOException {
        Extent.FileExtent bytes = new Extent.FileExtent(0, Files.size(file), file, 0);
        return FlattenedDevice.compose(List.of(DevicePart.hashing("image", bytes, VerityGeometry.STANDARD)));
    }

    /** The image in {@code file}, as ext4 in {@code name}. */
    Path write(Path file, String name) throws IOException {
        Path ext4 = directory.resolve(name);
        Files.deleteIfExists(ext4);
        try (FileChannel out = FileChannel.open(
                ext4, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long sizeBytes = Ext4Image.write(device(file), out);
            assertEquals(Files.size(ext4), sizeBytes);
        }
        return ext4;
    }

    /** Fails unless e2fsck finds nothing and the kernel shows the tree that it shows of the EROFS image. */
    TreeListing judge(Path erofs, Path ext4, String what) throws Exception {
        Programs.Result checked = Programs.tryRun("e2fsck", "-f", "-n", ext4.toString());
        assertEquals(0, checked.status(), what + ": " + checked.output());
        Path mountPoint = Files.createDirectories(directory.resolve("mounted"));
        TreeListing expected;
        try (MountedErofs mounted = new MountedErofs(mounts, erofs, directory.resolve("erofs"))) {
            expected = TreeListing.of(mounted.root());
        }
        try (LoopDevice loop = LoopDevice.readOnly(ext4)) {
            mounts.mount(loop.path(), mountPoint, "ext4", Mount.MS_RDONLY, "noload");
            TreeListing found = TreeListing.of(mountPoint);
            mounts.unmount(mountPoint);
            assertEquals(List.of(), expected.differences(found, 20, Exemption.directorySizes()), what + " of " + erofs);
            assertEquals(List.of(), found.wrongLinkCounts(), what);
            return found;
        }
    }
}
