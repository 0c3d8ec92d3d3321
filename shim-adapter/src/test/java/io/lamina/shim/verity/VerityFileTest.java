package io.lamina.shim.verity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.testing.Programs;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.testing.Machine;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** veritysetup finds our superblock and believes our tree. */
final class VerityFileTest {
    @TempDir
    Path directory;

    @Test
    void veritysetupVerifiesByTheSuperblockAlone() throws Exception {
        Machine.needsProgram("veritysetup");
        byte[] data = new byte[3 << 20];
        new Random(3).nextBytes(data);
        Extent.FileExtent bytes =
                new Extent.FileExtent(0, data.length, Files.write(directory.resolve("data"), data), 0);
        FlattenedDevice device =
                FlattenedDevice.compose(List.of(DevicePart.hashing("data", bytes, VerityGeometry.STANDARD)));
        Path file = directory.resolve("file");
        try (FileChannel out = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            VerityFile.write(device, out, true);
        }
        assertEquals(VerityFile.sizeBytes(device), Files.size(file));
        assertEquals(0, verify(file, device).status(), verify(file, device).output());
        String dump = Programs.run("veritysetup", "dump", offset(device), file.toString());
        assertTrue(dump.contains(device.rootHash().uuid().toString()), dump);
        assertTrue(dump.contains("0".repeat(64)), dump);

        try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
            out.write(ByteBuffer.wrap(new byte[] {(byte) ~data[5000]}), 5000);
        }
        assertNotEquals(0, verify(file, device).status());
    }

    private static Programs.Result verify(Path file, FlattenedDevice device) throws Exception {
        return Programs.tryRun(
                "veritysetup",
                "verify",
                offset(device),
                file.toString(),
                file.toString(),
                device.rootHash().hex());
    }

    private static String offset(FlattenedDevice device) {
        return "--hash-offset=" + VerityFile.hashOffsetBytes(device);
    }
}
