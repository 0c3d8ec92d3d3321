package io.lamina.images.oci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.testing.Mutations;
import io.lamina.images.testing.Programs;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TarIndexTest {
    @TempDir
    Path directory;

    @Test
    void namesAndPlacesAreThoseThatTarWrote() throws Exception {
        Machine.needsProgram("tar");
        String longName = "d".repeat(90) + "/" + "e".repeat(120) + "/ö-" + "f".repeat(90);
        for (String format : List.of("gnu", "pax")) {
            Path tar = tarOfTree(format, longName);
            byte[] bytes = Files.readAllBytes(tar);
            TarIndex index = read(bytes);
            assertContent("short", bytes, index, "short");
            assertContent("long", bytes, index, longName);
            assertContent("long", bytes, index, "link");
            assertContent("short", bytes, index, "hard");
            assertEquals(Optional.empty(), index.find("dir"));
            assertEquals(Optional.empty(), index.find("none"));
            assertEquals(Optional.empty(), index.find("outside"));
            assertThrows(CorruptImageException.class, () -> index.find("loop"));
        }
    }

    @Test
    void memberNamesTwiceAreRefused() {
        byte[] one = TestLayout.tar("a", "x");
        byte[] two = Arrays.copyOf(one, 1024 + one.length);
        System.arraycopy(one, 0, two, 1024, one.length);
        CorruptImageException refusal = assertThrows(CorruptImageException.class, () -> read(two));
        assertEquals("tar at byte 1024: the member a a second time", refusal.getMessage());
    }

    @Test
    void everyTruncationIsRefused() {
        byte[] tar = TestLayout.tar("a", "content");
        for (int length = 0; length < 1536; length += 7) {
            byte[] cut = Arrays.copyOf(tar, length);
            assertThrows(CorruptImageException.class, () -> read(cut), "length " + length);
        }
    }

    @Test
    void sizesBeyondTheFileAreRefused() {
        byte[] tar = TestLayout.tar("a", "content");
        for (String size : List.of("77777777777", "\u00800000000000\u0001")) {
            byte[] changed = tar.clone();
            System.arraycopy(size.getBytes(StandardCharsets.ISO_8859_1), 0, changed, 124, 11);
            fixChecksum(changed);
            assertThrows(CorruptImageException.class, () -> read(changed));
        }
    }

    @Test
    void mutatedArchivesAreReadOrRefused() throws Exception {
        Machine.needsProgram("tar");
        byte[] original = Files.readAllBytes(tarOfTree("pax", "l".repeat(150)));
        long seed = 0x7a2;
        Random random = new Random(seed);
        int read = 0;
        for (int round = 0; round < 20_000; round++) {
            byte[] mutated = Mutations.mutate(original, random);
            if (random.nextBoolean()) {
                for (int at = 0; at + 512 <= mutated.length; at += 512) {
                    fixChecksum(mutated, at);
                }
            }
            try {
                TarIndex index = read(mutated);
                index.find("short");
                index.find("link");
                read++;
            } catch (CorruptImageException | UnsupportedImageException refusal) {
                // As it should be.
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
        assertTrue(read > 100, read + " read");
    }

    private Path tarOfTree(String format, String longName) throws Exception {
        Path tree = directory.resolve("tree-" + format);
        Path longFile = tree.resolve(longName);
        Files.createDirectories(longFile.getParent());
        Files.createDirectories(tree.resolve("dir"));
        Files.writeString(tree.resolve("short"), "short");
        Files.writeString(longFile, "long");
        Files.createSymbolicLink(tree.resolve("link"), Path.of("dir/.././" + longName));
        Files.createSymbolicLink(tree.resolve("outside"), Path.of("/etc/passwd"));
        Files.createSymbolicLink(tree.resolve("loop"), Path.of("loop"));
        Files.createLink(tree.resolve("hard"), tree.resolve("short"));
        Path tar = directory.resolve(format + ".tar");
        Programs.run(
                "tar",
                "--blocking-factor=1",
                "--format=" + format,
                "--sort=name",
                "-cf",
                tar.toString(),
                "-C",
                tree.toString(),
                ".");
        return tar;
    }

    private static void assertContent(String expected, byte[] tar, TarIndex index, String path)
            throws CorruptImageException {
        TarIndex.Member member = index.find(path).orElseThrow();
        assertEquals(
                expected,
                new String(tar, (int) member.offsetBytes(), (int) member.sizeBytes(), StandardCharsets.UTF_8));
    }

    private TarIndex read(byte[] bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(
                directory.resolve("read"),
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE)) {
            channel.write(ByteBuffer.wrap(bytes), 0);
            channel.truncate(bytes.length);
            return TarIndex.read("tar", channel);
        }
    }

    private static void fixChecksum(byte[] tar) {
        fixChecksum(tar, 0);
    }

    private static void fixChecksum(byte[] tar, int at) {
        int sum = 8 * ' ';
        for (int i = 0; i < 512; i++) {
            sum += i >= 148 && i < 156 ? 0 : tar[at + i] & 0xff;
        }
        byte[] text = "%06o\000 ".formatted(sum).getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(text, 0, tar, at + 148, 8);
    }
}
