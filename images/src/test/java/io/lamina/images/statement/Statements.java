package io.lamina.images.statement;

import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Statements to test with. */
final class Statements {
    private Statements() {}

    static ImageStatement sample() {
        return statement(Validity.ALWAYS);
    }

    static ImageStatement statement(Validity validity) {
        return new ImageStatement(
                new ImageStatement.Image("registry.example/team/böx:1.2", digest("manifest"), digest("config"), 7),
                new ImageStatement.Contents(
                        1,
                        new ImageStatement.Fsmeta(digest("fsmeta"), 128),
                        List.of(
                                new ImageStatement.Layer(digest("base"), 1024, digest("base root")),
                                new ImageStatement.Layer(digest("top"), 130, digest("top root")))),
                new ImageStatement.VerityTable(VerityGeometry.STANDARD, 1408, 1408, digest("root")),
                UpperLayer.MEMORY,
                validity);
    }

    static Validity thisYear() {
        return new Validity(
                Optional.of(Instant.parse("2026-01-01T00:00:00Z")), Optional.of(Instant.parse("2026-12-31T23:59:59Z")));
    }

    static Digest digest(String seed) {
        return Digest.ofContent(seed.getBytes(StandardCharsets.UTF_8));
    }

    static TrustedKeys trust(SigningKey... keys) {
        return new TrustedKeys(
                List.of(keys).stream().map(key -> key.publicKey().orElseThrow()).toList());
    }
}
