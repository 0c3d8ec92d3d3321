package io.lamina.shim.vhdx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.testing.Programs;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** QEMU, whose VHDX code we did not write, says what our files are. */
final class VhdxTest {
    @TempDir
    Path directory;

    @BeforeEach
    void needs() {
        Machine.needsProgram("qemu-img");
    }

    @Test
    void aBlankDiskHasItsExactSizeAndReadsAsZeroes() throws Exception {
        // Around a payload block, around a chunk of them, whose bitmap takes an entry, and what labels usually ask for.
        long block = 32L << 20;
        for (long sizeBytes : new long[] {1 << 20, block, block + 512, 128 * block, 129 * block, 20L << 30, 2L << 40}) {
            Path disk = blank("blank-" + sizeBytes, sizeBytes, "sandbox 1");
            Programs.run("qemu-img", "check", "-f", "vhdx", disk.toString());
            String info = Programs.run("qemu-img", "info", "--output=json", "-f", "vhdx", disk.toString());
            assertTrue(info.contains("\"virtual-size\": " + sizeBytes + ","), info);
            assertTrue(Files.size(disk) < 8 << 20, "the file has " + Files.size(disk) + " bytes");
            if (sizeBytes <= 129 * block) {
                Path zeroes = directory.resolve("zeroes");
                try (FileChannel out = create(zeroes)) {
                    out.write(ByteBuffer.allocate(1), sizeBytes - 1);
                }
                Programs.run("qemu-img", "compare", "-f", "raw", "-F", "vhdx", zeroes.toString(), disk.toString());
            }
        }
    }

    @Test
    void aDeviceHasTheSameBytesInAVhdx() throws Exception {
        FlattenedDevice device = device();
        Path raw = directory.resolve("raw");
        try (FileChannel out = create(raw)) {
            device.writeRaw(out);
        }
        Path disk = directory.resolve("device.vhdx");
        try (FileChannel out = create(disk)) {
            Vhdx.write(device, out);
        }
        Programs.run("qemu-img", "check", "-f", "vhdx", disk.toString());
        Programs.run("qemu-img", "compare", "-f", "raw", "-F", "vhdx", raw.toString(), disk.toString());
        Path converted = directory.resolve("converted");
        Programs.run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", disk.toString(), converted.toString());
        assertEquals(-1, Files.mismatch(raw, converted));
    }

    @Test
    void theIdentityAloneTellsTwoBlankDisksApart() throws Exception {
        Path one = blank("one", 1 << 30, "sandbox 1");
        assertEquals(-1, Files.mismatch(one, blank("again", 1 << 30, "sandbox 1")));
        assertTrue(Files.mismatch(one, blank("other", 1 << 30, "sandbox 2")) > 0);
    }

    @Test
    void sizesThatTheFormatHasNotAreRefused() {
        for (long sizeBytes : new long[] {0, -512, 1000, Vhdx.MAX_DISK_BYTES + 512}) {
            assertThrows(IllegalArgumentException.class, () -> blank("none", sizeBytes, "x"));
        }
    }

    private FlattenedDevice device() throws IOException {
        byte[] data = new byte[70 << 20];
        new Random(7).nextBytes(data);
        Path file = Files.write(directory.resolve("data"), data);
        Extent.FileExtent extent = new Extent.FileExtent(0, data.length, file, 0);
        return FlattenedDevice.compose(List.of(DevicePart.hashing("data", extent, VerityGeometry.STANDARD)));
    }

    private Path blank(String name, long sizeBytes, String identity) throws IOException {
        Path disk = directory.resolve(name);
        try (FileChannel out = create(disk)) {
            Vhdx.writeBlank(sizeBytes, identity, out);
        }
        return disk;
    }

    private static FileChannel create(Path file) throws IOException {
        Files.deleteIfExists(file);
        return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }
}
