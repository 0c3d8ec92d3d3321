package io.lamina.images.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.oci.Digest;
import io.lamina.images.testing.Programs;
import io.lamina.images.verity.PartHashes;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DescriptionTest {
    @TempDir
    Path directory;

    @Test
    void qemuReadsTheVmdkAsTheRawDevice() throws Exception {
        Machine.needsProgram("qemu-img");
        FlattenedDevice device = sampleDevice().withRestIn(directory.resolve("rest"));
        Path vmdk = Files.writeString(directory.resolve("device.vmdk"), VmdkDescriptor.of(device));
        Path raw = writeRaw(device);
        Programs.run("qemu-img", "compare", "-f", "raw", "-F", "vmdk", raw.toString(), vmdk.toString());
    }

    @Test
    void qemuReadsTheVhdAsTheRawDevice() throws Exception {
        Machine.needsProgram("qemu-img");
        FlattenedDevice device = sampleDevice();
        Path raw = writeRaw(device);
        Path vhd = directory.resolve("device.vhd");
        Files.copy(raw, vhd);
        try (FileChannel channel = FileChannel.open(vhd, StandardOpenOption.APPEND)) {
            channel.write(VhdFooter.of(device));
        }
        Programs.run(
                "qemu-img",
                "compare",
                "--image-opts",
                "driver=raw,file.filename=" + raw,
                "driver=vpc,force_size_calc=current_size,file.filename=" + vhd);
    }

    /** A footer that another program made of the same size, but for what names its maker. */
    @Test
    void theVhdFooterIsThatOfQemuButForNamesAndTimes() throws Exception {
        Machine.needsProgram("qemu-img");
        for (long megabytes : new long[] {1, 3, 40, 130, 504, 505, 2000, 8000, 130_000, 500_000}) {
            Path theirs = directory.resolve("theirs.vhd");
            Programs.run(
                    "qemu-img",
                    "create",
                    "-f",
                    "vpc",
                    "-o",
                    "subformat=fixed,force_size=on",
                    theirs.toString(),
                    megabytes + "M");
            ByteBuffer expected = ByteBuffer.allocate(VhdFooter.BYTES);
            try (FileChannel channel = FileChannel.open(theirs, StandardOpenOption.READ)) {
                channel.read(expected, channel.size() - VhdFooter.BYTES);
            }
            ByteBuffer ours = VhdFooter.of(megabytes << 20, Digest.ofContent(new byte[0]));
            for (int at = 0; at < VhdFooter.BYTES; at++) {
                boolean makers = (at >= 24 && at < 40) || (at >= 56 && at < 60) || (at >= 64 && at < 84);
                if (!makers) {
                    assertEquals(expected.get(at), ours.get(at), megabytes + " MiB, byte " + at);
                }
            }
            assertEquals(0, checksumError(expected));
            assertEquals(0, checksumError(ours));
            Files.delete(theirs);
        }
    }

    @Test
    void largeExtentsBecomeSeveralOfTwoGigabytes() {
        FlattenedDevice device = FlattenedDevice.compose(List.of(zeroes("a", 5L << 30)));
        String vmdk = VmdkDescriptor.of(inFiles(device));
        String file = " FLAT \"" + directory.resolve("rest") + "\" ";
        String expected = "RW 4194304" + file + "0\nRW 4194304" + file + "4194304\nRW 2097152" + file + "8388608\n";
        assertTrue(vmdk.contains(expected), vmdk);
        assertTrue(vmdk.startsWith("# Disk DescriptorFile\nversion=1\nCID="), vmdk);
        assertEquals(vmdk, VmdkDescriptor.of(inFiles(device)));
    }

    @Test
    void whatCannotBeDescribedIsRefused() throws Exception {
        FlattenedDevice device = sampleDevice();
        assertThrows(IllegalArgumentException.class, () -> VmdkDescriptor.of(device));
        Path odd = directory.resolve("a\"b");
        FlattenedDevice quoted = device.withRestIn(odd);
        assertThrows(IllegalArgumentException.class, () -> VmdkDescriptor.of(quoted));
        Digest identity = Digest.ofContent(new byte[0]);
        assertThrows(IllegalArgumentException.class, () -> VhdFooter.of(1000, identity));
        assertThrows(IllegalArgumentException.class, () -> VhdFooter.of(VhdFooter.MAX_DISK_BYTES + 512, identity));
    }

    private FlattenedDevice sampleDevice() throws IOException {
        byte[] data = new byte[700_000];
        new Random(4).nextBytes(data);
        Path layer = Files.write(directory.resolve("layer"), data);
        Extent file = new Extent.FileExtent(0, 600 * 1024, layer, 1024);
        Extent memory = new Extent.MemoryExtent(0, ByteBuffer.wrap(data, 5, 4096));
        return FlattenedDevice.compose(List.of(
                DevicePart.hashing("fsmeta", memory, VerityGeometry.STANDARD),
                DevicePart.hashing("layer", file, VerityGeometry.STANDARD),
                zeroes("zeroes", 1 << 20)));
    }

    private static DevicePart zeroes(String name, long bytes) {
        int blocks = (int) (bytes / 4096);
        byte[] leaves = PartHashes.zeroLeaves(VerityGeometry.STANDARD, blocks);
        return new DevicePart(
                name,
                new Extent.ZeroExtent(0, bytes),
                new Extent.MemoryExtent(0, ByteBuffer.wrap(leaves)),
                PartHashes.ofZeroes(VerityGeometry.STANDARD, blocks));
    }

    private FlattenedDevice inFiles(FlattenedDevice device) {
        try {
            return device.withRestIn(directory.resolve("rest"));
        } catch (IOException failure) {
            throw new AssertionError(failure);
        }
    }

    private Path writeRaw(FlattenedDevice device) throws IOException {
        Path raw = directory.resolve("raw");
        try (FileChannel channel = FileChannel.open(raw, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            device.writeRaw(channel);
        }
        return raw;
    }

    private static int checksumError(ByteBuffer footer) {
        int sum = 0;
        for (int i = 0; i < VhdFooter.BYTES; i++) {
            sum += i >= 64 && i < 68 ? 0 : footer.get(i) & 0xff;
        }
        return ~sum - footer.getInt(64);
    }
}
