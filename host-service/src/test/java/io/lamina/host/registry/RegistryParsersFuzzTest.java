package io.lamina.host.registry;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.testing.Mutations;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What registries and users write, damaged: every parser ends in a value, or in the exception that it is documented with. */
class RegistryParsersFuzzTest {
    private static final int ROUNDS = 20_000;
    private static final int FILE_ROUNDS = 2_000;

    @TempDir
    private Path directory;

    private interface Parser {
        void parse(String text) throws IOException;
    }

    @Test
    void names() throws IOException {
        fuzz(
                List.of(
                        "debian:12",
                        "registry.example:5000/team/app_x/y--z:1.2-rc",
                        "[::1]:5000/a@sha256:" + "0123456789abcdef".repeat(4)),
                ROUNDS,
                text -> {
                    try {
                        RemoteName name = RemoteName.parse(text);
                        // What was taken is a name of its own, and no path out of the registry's.
                        assertTrue(RemoteName.parse(name.toString()).equals(name), name.toString());
                        assertTrue(
                                !name.repository().contains("..")
                                        && !name.repository().startsWith("/"),
                                text);
                    } catch (IllegalArgumentException refused) {
                        assertTrue(refused.getMessage() != null, text);
                    }
                });
    }

    @Test
    void challenges() throws IOException {
        fuzz(
                List.of(
                        "Bearer realm=\"https://auth.example/token\",service=\"r\",scope=\"repository:a/b:pull,push\"",
                        "Basic realm=\"a \\\"quoted\\\" word\", Negotiate, Digest nonce=abc, qop=\"auth\""),
                ROUNDS,
                text -> {
                    for (Challenge challenge : Challenge.parse(text)) {
                        assertTrue(!challenge.scheme().isEmpty(), text);
                    }
                });
    }

    @Test
    void dockersFile() throws IOException {
        Path file = directory.resolve("config.json");
        fuzz(
                List.of(
                        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dXNlcjpwYXNz\"},\"r.example\":{\"identitytoken\":\"t\"}},"
                                + "\"credHelpers\":{\"h.example\":\"none\"}}"),
                FILE_ROUNDS,
                text -> {
                    Files.write(file, text.getBytes(StandardCharsets.ISO_8859_1));
                    for (String host : List.of("docker.io", "r.example", "h.example")) {
                        try {
                            var _ = DockerConfig.of(file, directory.toString()).find(host);
                        } catch (CorruptImageException refused) {
                            assertTrue(refused.getMessage().contains("config.json"), refused.getMessage());
                        } catch (IOException helper) {
                            assertTrue(helper.getMessage().contains("docker-credential-"), helper.getMessage());
                        }
                    }
                });
    }

    @Test
    void settings() throws IOException {
        Path file = directory.resolve("registries.json");
        fuzz(
                List.of("{\"registries\":{\"docker.io\":{\"mirrors\":[\"m.example:5000/hub\"]},"
                        + "\"m.example:5000\":{\"ca\":\"/etc/ca.pem\",\"plainHttp\":true,\"skipVerify\":false}}}"),
                FILE_ROUNDS,
                text -> {
                    Files.write(file, text.getBytes(StandardCharsets.ISO_8859_1));
                    try {
                        var _ = RegistrySettings.read(file);
                    } catch (CorruptImageException refused) {
                        assertTrue(refused.getMessage().contains("registries.json"), refused.getMessage());
                    }
                });
    }

    private static void fuzz(List<String> originals, int rounds, Parser parser) throws IOException {
        for (int round = 0; round < rounds; round++) {
            Random random = new Random(round);
            String original = originals.get(random.nextInt(originals.size()));
            byte[] damaged = Mutations.mutate(original.getBytes(StandardCharsets.ISO_8859_1), random);
            String text = new String(damaged, StandardCharsets.ISO_8859_1);
            try {
                parser.parse(text);
            } catch (RuntimeException defect) {
                throw new AssertionError("seed " + round + ": " + text, defect);
            }
        }
    }
}
