package io.lamina.images.layer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.testing.Programs;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The bytes that fixed inputs give, everywhere and for good. A change of them changes the root hash of every image that
 * anyone has signed: it needs a new format version of the store, and then a new {@code golden-digests.txt}, whose
 * content is what the first failure here shows as the actual one.
 */
class GoldenDigestsTest {
    @TempDir
    Path scratch;

    @Test
    void fixedInputsGiveTheRecordedBytes() throws IOException {
        assertEquals(golden(), text(GoldenInputs.digests(scratch)));
    }

    @Test
    void anotherMachineWouldGiveTheSameBytes() throws IOException, InterruptedException {
        Path elsewhere = Files.createDirectory(scratch.resolve("else where"));
        String output = Programs.run(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-XX:ActiveProcessorCount=1",
                "-XX:+UnlockExperimentalVMOptions",
                "-XX:hashCode=2",
                "-Duser.timezone=Asia/Kathmandu",
                "-Duser.language=tr",
                "-Djava.io.tmpdir=" + elsewhere,
                "-Dfile.encoding=ISO-8859-1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                GoldenInputs.class.getName(),
                elsewhere.toString());
        assertEquals(golden(), output);
    }

    private static String text(Map<String, String> digests) {
        return digests.entrySet().stream()
                .map(digest -> digest.getKey() + " " + digest.getValue() + "\n")
                .collect(Collectors.joining());
    }

    private static String golden() {
        try (InputStream in = GoldenDigestsTest.class.getResourceAsStream("golden-digests.txt")) {
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
