package io.lamina.linux;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.FileStatus.DeviceNumber;
import io.lamina.linux.FileStatus.Timestamp;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The calls that look at names, against what a shell and {@link java.nio.file} made. */
final class RawNamesTest {
    @TempDir
    Path directory;

    @Test
    void statusOfAFileHasEveryField() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "twelve bytes");
        Files.createLink(directory.resolve("second"), file);
        Files.setLastModifiedTime(file, FileTime.from(Instant.ofEpochSecond(1_000_000_000, 123_456_789)));
        shell("chmod 4751 file");

        FileStatus status = FileStatus.of(bytes(file));

        assertEquals(FileStatus.S_IFREG, status.type());
        assertEquals(04751, status.permissions());
        assertEquals(12, status.sizeBytes());
        assertEquals(2, status.linkCount());
        assertEquals(Files.getAttribute(file, "unix:ino"), status.inode());
        assertEquals(((Integer) Files.getAttribute(file, "unix:uid")).longValue(), status.uid());
        assertEquals(((Integer) Files.getAttribute(file, "unix:gid")).longValue(), status.gid());
        assertEquals(new Timestamp(1_000_000_000, 123_456_789), status.modified());
        assertEquals(new DeviceNumber(0, 0), status.specialDevice());
    }

    @Test
    void timesBefore1970CountNanosecondsForward() throws Exception {
        Path file = Files.createFile(directory.resolve("old"));
        shell("touch -d @-9.75 old");

        assertEquals(new Timestamp(-10, 250_000_000), FileStatus.of(bytes(file)).modified());
    }

    @Test
    void statusOfADeviceNamesItsNumber() throws Exception {
        FileStatus status = FileStatus.of(bytes("/dev/null"));

        assertEquals(FileStatus.S_IFCHR, status.type());
        assertEquals(new DeviceNumber(1, 3), status.specialDevice());
    }

    @Test
    void ownersAboveSixteenBitsAreWhole() throws Exception {
        Machine.needsRoot();
        shell("touch file && chown 4000000000:70000 file");

        FileStatus status = FileStatus.of(bytes(directory.resolve("file")));

        assertEquals(4_000_000_000L, status.uid());
        assertEquals(70_000, status.gid());
    }

    @Test
    void aSymbolicLinkIsNotFollowed() throws Exception {
        Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("nowhere/at all"));

        assertEquals(FileStatus.S_IFLNK, FileStatus.of(bytes(link)).type());
        assertArrayEquals(bytes("nowhere/at all"), SymbolicLink.target(bytes(link)));
    }

    @Test
    void aMissingNameAndAWrongTypeAreNamedInTheError() throws Exception {
        Path missing = directory.resolve("missing");
        SystemCallException absent = assertThrows(SystemCallException.class, () -> FileStatus.of(bytes(missing)));
        SystemCallException notALink =
                assertThrows(SystemCallException.class, () -> SymbolicLink.target(bytes(directory)));

        assertEquals(Errno.ENOENT, absent.errno());
        assertTrue(absent.getMessage().contains(missing.toString()), absent.getMessage());
        assertEquals(Errno.EINVAL, notALink.errno());
    }

    @Test
    void entriesAreRawBytes() throws Exception {
        shell("touch \"$(printf '\\377\\001odd\\n')\" .hidden .. ...");

        Set<String> names = names(directory);

        assertEquals(Set.of("\u00ff\u0001odd", ".hidden", "..."), names);
        for (byte[] name : DirectoryEntries.names(bytes(directory))) {
            byte[] path = bytes(directory + "/" + new String(name, ISO_8859_1), name);
            assertEquals(FileStatus.S_IFREG, FileStatus.of(path).type());
        }
    }

    @Test
    void aDirectoryOfManyLongNamesIsListedWhole() throws Exception {
        Set<String> expected = IntStream.range(0, 3_000)
                .mapToObj(i -> String.format("%0200d", i))
                .collect(Collectors.toCollection(HashSet::new));
        for (String name : expected) {
            Files.createFile(directory.resolve(name));
        }

        assertEquals(expected, names(directory));
    }

    @Test
    void attributesAreListedReadAndReplaced() throws Exception {
        byte[] file = bytes(Files.createFile(directory.resolve("file")));
        byte[] large = new byte[2_500];
        large[2_499] = 7;

        ExtendedAttributes.set(file, bytes("user.empty"), new byte[0]);
        ExtendedAttributes.set(file, bytes("user.large"), bytes("small at first"));
        ExtendedAttributes.set(file, bytes("user.large"), large);

        List<String> names = ExtendedAttributes.names(file).stream()
                .map(name -> new String(name, UTF_8))
                .sorted()
                .toList();
        assertEquals(List.of("user.empty", "user.large"), names);
        assertArrayEquals(new byte[0], ExtendedAttributes.value(file, bytes("user.empty")));
        assertArrayEquals(large, ExtendedAttributes.value(file, bytes("user.large")));
        SystemCallException absent =
                assertThrows(SystemCallException.class, () -> ExtendedAttributes.value(file, bytes("user.absent")));
        assertEquals(Errno.ENODATA, absent.errno());
    }

    @Test
    void contentIsReadToItsEnd() throws Exception {
        byte[] file = bytes(Files.writeString(directory.resolve("file"), "content"));
        try (Arena arena = Arena.ofConfined();
                OpenFile open = OpenFile.reading(file)) {
            MemorySegment buffer = arena.allocate(64);
            assertEquals(7, open.read(buffer));
            assertArrayEquals(bytes("content"), buffer.asSlice(0, 7).toArray(ValueLayout.JAVA_BYTE));
            assertEquals(0, open.read(buffer));
        }
    }

    @Test
    void aNulInsideAPathIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> FileStatus.of(bytes("a\0b")));
    }

    private static Set<String> names(Path directory) throws SystemCallException {
        return DirectoryEntries.names(bytes(directory)).stream()
                .map(name -> new String(name, ISO_8859_1))
                .collect(Collectors.toSet());
    }

    private void shell(String command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder("sh", "-c", command)
                .directory(directory.toFile())
                .inheritIO()
                .start();
        assertEquals(0, process.waitFor(), command);
    }

    private static byte[] bytes(Path path) {
        return bytes(path.toString());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    /** {@code text} with its last characters replaced by the raw bytes they stand for. */
    private static byte[] bytes(String text, byte[] rawEnd) {
        byte[] path = text.getBytes(ISO_8859_1);
        System.arraycopy(rawEnd, 0, path, path.length - rawEnd.length, rawEnd.length);
        return path;
    }
}
