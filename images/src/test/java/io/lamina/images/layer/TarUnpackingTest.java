package io.lamina.images.layer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Owner;
import io.lamina.images.erofs.Timestamp;
import io.lamina.images.erofs.Xattrs;
import io.lamina.linux.OpenDirectory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tars that nobody vouches for, unpacked by a process that can write everywhere. */
class TarUnpackingTest {
    private static final byte[] NONE = new byte[0];
    private static final long ENOUGH = 1 << 20;

    @TempDir
    private Path directory;

    private Path top;
    private Path outside;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final TarOutput tar = new TarOutput(bytes);

    @BeforeEach
    void directories() throws IOException {
        top = Files.createDirectory(directory.resolve("top"));
        outside = Files.createDirectory(directory.resolve("outside"));
        Files.writeString(outside.resolve("secret"), "kept");
    }

    @Test
    void aTreeIsWhatTheTarSays() throws IOException {
        entry("./", '5', 0750, "");
        file("a/b/file", 04711, "text");
        entry("a", '5', 0500, "");
        entry("a/link", '2', 0777, "/etc/passwd");
        entry("a/hard", '1', 0, "a/b/file");
        entry("fifo", '6', 0600, "");
        file("../../above", 0644, "still below");
        unpack(ENOUGH);

        assertEquals("text", Files.readString(top.resolve("a/b/file")));
        assertEquals("rwx--x--x", permissions("a/b/file"));
        assertEquals("rwx------", permissions("a"));
        assertEquals(Path.of("/etc/passwd"), Files.readSymbolicLink(top.resolve("a/link")));
        assertTrue(Files.isSameFile(top.resolve("a/hard"), top.resolve("a/b/file")));
        assertEquals("still below", Files.readString(top.resolve("above")));
        assertEquals(1_000, Files.getLastModifiedTime(top.resolve("above")).toMillis());
        assertFalse(Files.exists(directory.resolve("above")));
    }

    @Test
    void noWayLeadsThroughALink() throws IOException {
        entry("way", '2', 0777, outside.toString());
        file("way/secret", 0644, "changed");
        assertThrows(CorruptImageException.class, () -> unpack(ENOUGH));
        nothingHappenedOutside();
    }

    @Test
    void aLinkIsReplacedAndNotFollowed() throws IOException {
        Files.createSymbolicLink(top.resolve("name"), outside.resolve("secret"));
        file("name", 0644, "mine");
        unpack(ENOUGH);
        assertEquals("mine", Files.readString(top.resolve("name"), StandardCharsets.UTF_8));
        assertTrue(Files.isRegularFile(top.resolve("name"), LinkOption.NOFOLLOW_LINKS));
        nothingHappenedOutside();
    }

    @Test
    void noHardLinkReachesOut() throws IOException {
        entry("way", '2', 0777, outside.toString());
        entry("stolen", '1', 0, "way/secret");
        assertThrows(CorruptImageException.class, () -> unpack(ENOUGH));
        nothingHappenedOutside();
    }

    @Test
    void devicesAndTooMuchDataAreRefused() throws IOException {
        tar.device("disk".getBytes(StandardCharsets.UTF_8), '4', attributes(0600), 0x800);
        assertThrows(UnsupportedImageException.class, () -> unpack(ENOUGH));
        bytes.reset();
        file("large", 0644, "0123456789");
        CorruptImageException tooLarge = assertThrows(CorruptImageException.class, () -> unpack(9));
        assertTrue(String.valueOf(tooLarge.getMessage()).contains("10 bytes"), tooLarge.getMessage());
        assertFalse(Files.exists(top.resolve("large")));
    }

    @Test
    void damagedTarsEndInAnExceptionOrATreeAndReachNothingOutside() throws IOException {
        entry("way", '2', 0777, "../outside");
        entry("dir", '5', 0755, "");
        file("dir/file", 0644, "x".repeat(600));
        entry("dir/hard", '1', 0, "dir/file");
        tar.finish();
        byte[] good = bytes.toByteArray();
        Random random = new Random(8);
        for (int i = 0; i < 2_000; i++) {
            byte[] damaged = good.clone();
            for (int n = random.nextInt(4); n >= 0; n--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            Path target = Files.createDirectory(top.resolve(Integer.toString(i)));
            try (OpenDirectory open = OpenDirectory.of(target)) {
                TarUnpacking.unpack(new ByteArrayInputStream(damaged), open, ENOUGH);
            } catch (IOException refused) {
                // As it says.
            }
        }
        nothingHappenedOutside();
    }

    private void nothingHappenedOutside() throws IOException {
        assertEquals("kept", Files.readString(outside.resolve("secret")));
        try (Stream<Path> entries = Files.list(outside)) {
            assertEquals(List.of(outside.resolve("secret")), entries.toList());
        }
        assertEquals(1, Files.getAttribute(outside.resolve("secret"), "unix:nlink"));
    }

    private String permissions(String name) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(top.resolve(name)));
    }

    private void entry(String name, char type, int permissions, String target) throws IOException {
        tar.header(
                name.getBytes(StandardCharsets.UTF_8),
                type,
                attributes(permissions),
                0,
                target.getBytes(StandardCharsets.UTF_8));
    }

    private void file(String name, int permissions, String text) throws IOException {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        tar.header(name.getBytes(StandardCharsets.UTF_8), '0', attributes(permissions), content.length, NONE);
        tar.data(content, 0, content.length);
        tar.endData(content.length);
    }

    private static Attributes attributes(int permissions) {
        return new Attributes(permissions, new Owner(7, 7), new Timestamp(1, 0), Xattrs.NONE);
    }

    private void unpack(long maxBytes) throws IOException {
        tar.finish();
        try (OpenDirectory open = OpenDirectory.of(top)) {
            TarUnpacking.unpack(new ByteArrayInputStream(bytes.toByteArray()), open, maxBytes);
        }
    }
}
