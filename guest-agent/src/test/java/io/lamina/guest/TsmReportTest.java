package io.lamina.guest;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The talk with configfs-tsm, against a directory that only looks like it: it shows the order of our steps, and no TEE. */
class TsmReportTest {
    private static final byte[] NONCE = "nonce".getBytes(StandardCharsets.US_ASCII);
    private static final Digest STATEMENT = Digest.ofContent(new byte[1]);

    @TempDir
    private Path sysfs;

    private Path reports;

    @BeforeEach
    void anInterface() throws IOException {
        reports = Files.createDirectories(sysfs.resolve("kernel/config/tsm/report"));
    }

    /** A directory whose entries have files when they are made, and keep what was written until they are removed. */
    private static final class LooksLikeConfigfs implements TsmReport.Entries {
        private final String generation;
        private byte[] asked = {};

        LooksLikeConfigfs(String generation) {
            this.generation = generation;
        }

        @Override
        public void make(Path entry) throws IOException {
            Files.createDirectory(entry);
            Files.createFile(entry.resolve("inblob"));
            Files.write(entry.resolve("outblob"), new byte[] {1, 2, 3});
            Files.writeString(entry.resolve("provider"), "tdx_guest\n");
            Files.writeString(entry.resolve("generation"), generation + "\n");
        }

        @Override
        public void remove(Path entry) throws IOException {
            asked = Files.readAllBytes(entry.resolve("inblob"));
            for (String file : List.of("inblob", "outblob", "provider", "generation")) {
                Files.delete(entry.resolve(file));
            }
            Files.delete(entry);
        }
    }

    private Optional<TsmReport> ask(LooksLikeConfigfs entries) throws IOException {
        return TsmReport.of(sysfs, TsmReport.data(NONCE, STATEMENT), entries);
    }

    @Test
    void theReportIsOverNonceAndStatementAndNothingStaysBehind() throws Exception {
        LooksLikeConfigfs entries = new LooksLikeConfigfs("1");
        TsmReport report = ask(entries).orElseThrow();
        assertEquals("tdx_guest", report.provider());
        assertArrayEquals(new byte[] {1, 2, 3}, report.report());
        assertEquals(64, entries.asked.length);
        assertArrayEquals(Digest.ofContent(NONCE).bytes(), Arrays.copyOf(entries.asked, 32));
        assertArrayEquals(STATEMENT.bytes(), Arrays.copyOfRange(entries.asked, 32, 64));
        try (Stream<Path> left = Files.list(reports)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void aReportThatOthersHaveWrittenToIsNone() {
        IOException refused = assertThrows(IOException.class, () -> ask(new LooksLikeConfigfs("3")));
        assertTrue(String.valueOf(refused.getMessage()).contains("written 3 times"), refused::toString);
    }

    @Test
    void anotherUsersNameIsLeftAlone() throws Exception {
        Files.createDirectory(reports.resolve("lamina-0"));
        assertTrue(ask(new LooksLikeConfigfs("1")).isPresent());
        assertTrue(Files.exists(reports.resolve("lamina-0")));
    }

    @Test
    void aKernelWithoutTheInterfaceGivesNone() throws Exception {
        Files.delete(reports);
        assertEquals(Optional.empty(), ask(new LooksLikeConfigfs("1")));
    }
}
