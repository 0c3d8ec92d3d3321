package io.lamina.shim.hcs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.VhdFooter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oracle.FlattenedStack;
import io.lamina.images.testing.Programs;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a utility VM of hcsshim would look at, each part judged by a program of its own. */
final class LcowImageTest {
    private static final int DATA_BYTES = 60 << 20;

    @TempDir
    Path directory;

    @Test
    void everyPartOfTheDiskIsWhatItsOwnProgramExpects() throws Exception {
        Machine.needsProgram("e2fsck", "veritysetup", "qemu-img");
        FlattenedDevice device = device(directory, 3 << 20);
        Path disk = directory.resolve(LcowImage.LAYER_NAME);
        Digest root = write(device, disk);
        long diskBytes = Files.size(disk) - VhdFooter.BYTES;

        Programs.Result checked = Programs.tryRun("e2fsck", "-f", "-n", disk.toString());
        assertEquals(0, checked.status(), checked.output());
        // As the guest does: the superblock of dm-verity lies where ext4 ends by its own word.
        long ext4Bytes = ext4Blocks(disk) * 4096;
        Programs.run(
                "veritysetup", "verify", "--hash-offset=" + ext4Bytes, disk.toString(), disk.toString(), root.hex());
        Path raw = directory.resolve("raw");
        Programs.run(
                "qemu-img",
                "convert",
                "--image-opts",
                "driver=vpc,force_size_calc=current_size,file.filename=" + disk,
                "-O",
                "raw",
                raw.toString());
        assertEquals(diskBytes, Files.size(raw));
        assertEquals(diskBytes, Files.mismatch(raw, disk), "the disk is the file without its footer");
        String info = Programs.run("qemu-img", "info", "-f", "vpc", disk.toString());
        assertTrue(info.contains("file format: vpc"), info);

        Path again = directory.resolve("again");
        assertEquals(root, write(device, again));
        assertEquals(-1, Files.mismatch(disk, again));
    }

    /** Two more forms of an image take next to nothing of a file system that shares blocks. */
    @Test
    void onXfsTheDataIsShared() throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("xfs");
        Machine.needsProgram("mkfs.xfs", "mount");
        Path image = directory.resolve("xfs.img");
        try (FileChannel out = create(image)) {
            out.write(ByteBuffer.allocate(1), (1L << 30) - 1);
        }
        Programs.run("mkfs.xfs", "-q", image.toString());
        PrivateMounts.run(mounts -> {
            Path xfs = Files.createDirectories(directory.resolve("xfs"));
            Programs.run("mount", "-o", "loop", image.toString(), xfs.toString());
            FlattenedDevice device = device(xfs, DATA_BYTES);
            long before = freeBytes(xfs);
            Path flat = xfs.resolve("layer.erofs");
            try (FileChannel out = create(flat)) {
                device.writeRaw(out);
            }
            long flatTook = before - freeBytes(xfs);
            assertTrue(flatTook < DATA_BYTES / 8, "the flat file took " + flatTook + " bytes");
            Path disk = xfs.resolve(LcowImage.LAYER_NAME);
            assertEquals(64, write(device, disk).hex().length());
            long diskTook = before - flatTook - freeBytes(xfs);
            assertTrue(diskTook < DATA_BYTES / 8, "the ext4 disk took " + diskTook + " bytes");
            mounts.unmount(xfs);
        });
    }

    @Test
    void theEmptyTreeIsADiskToo() throws Exception {
        Machine.needsProgram("e2fsck");
        FlattenedStack flat = FlattenedStack.build(List.of(new byte[1024]), FlattenedStack.Format.PLAIN, directory);
        Path disk = directory.resolve("empty.vhd");
        assertEquals(64, write(device(flat.device()), disk).hex().length());
        Programs.Result checked = Programs.tryRun("e2fsck", "-f", "-n", disk.toString());
        assertEquals(0, checked.status(), checked.output());
    }

    private static FlattenedDevice device(Path directory, int dataBytes) throws Exception {
        Path tree = Files.createDirectories(directory.resolve("tree/usr/bin"));
        byte[] data = new byte[dataBytes];
        new Random(1).nextBytes(data);
        Files.write(tree.resolve("large"), data);
        Files.writeString(tree.resolve("small"), "small");
        Path tar = directory.resolve("layer.tar");
        Programs.run(
                "tar", "-cf", tar.toString(), "-C", directory.resolve("tree").toString(), ".");
        FlattenedStack flat =
                FlattenedStack.build(List.of(Files.readAllBytes(tar)), FlattenedStack.Format.PLAIN, directory);
        return device(flat.device());
    }

    private static FlattenedDevice device(Path file) throws IOException {
        Extent.FileExtent bytes = new Extent.FileExtent(0, Files.size(file), file, 0);
        return FlattenedDevice.compose(List.of(DevicePart.hashing("image", bytes, VerityGeometry.STANDARD)));
    }

    private static Digest write(FlattenedDevice device, Path disk) throws IOException {
        try (FileChannel out = create(disk)) {
            return LcowImage.write(device, disk, out);
        }
    }

    private static long ext4Blocks(Path disk) throws IOException {
        try (FileChannel in = FileChannel.open(disk)) {
            ByteBuffer superblock = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
            in.read(superblock, 1024);
            return Integer.toUnsignedLong(superblock.getInt(4));
        }
    }

    private static long freeBytes(Path directory) throws Exception {
        Programs.run("sync", "-f", directory.toString());
        return Files.getFileStore(directory).getUnallocatedSpace();
    }

    private static FileChannel create(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }
}
