package io.lamina.host.shim;

import io.lamina.shim.vhdx.Vhdx;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Disks for containers to write, in the forms of runtimes that bring no device of their own. What is there stays. */
public final class ScratchDisk {
    private ScratchDisk() {}

    /** Fills a file that is to become the disk. */
    @FunctionalInterface
    private interface Content {
        void write(Path file, FileChannel target) throws IOException;
    }

    /** A raw disk with ext4, made by the program that everybody makes them with. */
    public static void ext4(Path disk, long sizeBytes) throws IOException {
        make(disk, (file, target) -> {
            target.write(ByteBuffer.allocate(1), sizeBytes - 1);
            Process mkfs = new ProcessBuilder("/sbin/mkfs.ext4", "-q", "-F", file.toString())
                    .redirectErrorStream(true)
                    .start();
            mkfs.getOutputStream().close();
            String output = new String(mkfs.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            try {
                if (mkfs.waitFor() != 0) {
                    throw new IOException("mkfs.ext4 of " + disk + ": " + output.strip());
                }
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("mkfs.ext4 of " + disk);
            }
        });
    }

    /** A blank disk for Hyper-V's guests, which format it themselves. */
    public static void vhdx(Path disk, long sizeBytes) throws IOException {
        make(disk, (_, target) -> Vhdx.writeBlank(sizeBytes, disk.toString(), target));
    }

    private static void make(Path disk, Content content) throws IOException {
        if (Files.exists(disk)) {
            return;
        }
        Path building = disk.resolveSibling(disk.getFileName() + "~");
        Files.deleteIfExists(building);
        try (FileChannel target = FileChannel.open(
                building, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            content.write(building, target);
            target.force(true);
        }
        Files.move(building, disk, StandardCopyOption.ATOMIC_MOVE);
    }
}
