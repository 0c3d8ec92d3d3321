package io.lamina.images.statement;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.VerityGeometry;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that are signed: an in-toto Statement v1 (in-toto attestation, spec/v1/statement.md at v1.1.0) whose subject
 * is the image and whose predicate is ours. One statement has one form, see {@link JsonWriter}.
 *
 * <p>Unknown members of the in-toto part are ignored, as in-toto asks. Unknown members of the predicate are refused: one
 * could be a restriction that this version would not keep.
 */
public final class StatementPayload {
    /** Type of the payload in its envelope. */
    public static final String TYPE = "application/vnd.in-toto+json";

    /** Type of the predicate; its last part changes when an old reader could misread a new statement. */
    public static final String PREDICATE_TYPE = "https://lamina.io/image-statement/v1";

    private static final String STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
    private static final String HASH_ALGORITHM = "sha256";
    private static final Set<String> PREDICATE_MEMBERS = Set.of(
            "configDigest", "formatVersion", "fsmeta", "imageVersion", "layers", "upperLayer", "validity", "verity");
    private static final Set<String> VERITY_MEMBERS = Set.of(
            "dataBlockSize",
            "dataBlocks",
            "hashAlgorithm",
            "hashBlockSize",
            "hashStartBlock",
            "hashType",
            "rootHash",
            "salt");

    private StatementPayload() {}

    /** The bytes of {@code statement}. */
    public static byte[] write(ImageStatement statement) {
        ImageStatement.Image image = statement.image();
        return JsonWriter.write(Map.of(
                "_type",
                STATEMENT_TYPE,
                "predicateType",
                PREDICATE_TYPE,
                "subject",
                List.of(Map.of(
                        "name", image.reference(),
                        "digest", Map.of(HASH_ALGORITHM, image.manifestDigest().hex()))),
                "predicate",
                predicate(statement)));
    }

    /**
     * Reads what {@link #write} wrote. This proves nothing; see {@link StatementVerifier}.
     *
     * @throws StatementRefusedException if the bytes are no such statement (check {@code statement-format}) or its
     *     parts contradict each other ({@code statement-content})
     */
    public static ImageStatement read(byte[] payload) throws StatementRefusedException {
        try {
            return statement(JsonParser.parse("statement", payload).object());
        } catch (CorruptImageException notAStatement) {
            throw new StatementRefusedException(
                    "statement-format", "an in-toto statement of an image", String.valueOf(notAStatement.getMessage()));
        } catch (IllegalArgumentException contradiction) {
            throw new StatementRefusedException(
                    "statement-content", "a statement whose parts agree", String.valueOf(contradiction.getMessage()));
        }
    }

    private static Map<String, Object> predicate(ImageStatement statement) {
        ImageStatement.Contents contents = statement.contents();
        Map<String, Object> predicate = new TreeMap<>();
        predicate.put("configDigest", statement.image().configDigest().toString());
        predicate.put("imageVersion", statement.image().version());
        predicate.put("formatVersion", contents.formatVersion());
        predicate.put(
                "fsmeta",
                Map.of(
                        "digest", contents.fsmeta().digest().toString(),
                        "blocks", contents.fsmeta().blocks()));
        List<Object> layers = new ArrayList<>();
        for (ImageStatement.Layer layer : contents.layers()) {
            layers.add(Map.of(
                    "diffId", layer.diffId().toString(),
                    "blocks", layer.blocks(),
                    "verityRoot", layer.verityRoot().hex()));
        }
        predicate.put("layers", layers);
        predicate.put("upperLayer", statement.upperLayer().text());
        predicate.put("verity", verity(statement.verity()));
        if (!statement.validity().equals(Validity.ALWAYS)) {
            Map<String, Object> validity = new TreeMap<>();
            statement.validity().notBefore().ifPresent(instant -> validity.put("notBefore", instant.toString()));
            statement.validity().notAfter().ifPresent(instant -> validity.put("notAfter", instant.toString()));
            predicate.put("validity", validity);
        }
        return predicate;
    }

    private static Map<String, Object> verity(ImageStatement.VerityTable verity) {
        return Map.of(
                "hashType", 1,
                "hashAlgorithm", HASH_ALGORITHM,
                "dataBlockSize", verity.geometry().dataBlockSizeBytes(),
                "hashBlockSize", verity.geometry().hashBlockSizeBytes(),
                "dataBlocks", verity.dataBlocks(),
                "hashStartBlock", verity.hashStartBlock(),
                "salt", verity.saltHex(),
                "rootHash", verity.rootHash().hex());
    }

    private static ImageStatement statement(JsonObject statement) throws CorruptImageException {
        expect(statement.required("_type"), STATEMENT_TYPE);
        expect(statement.required("predicateType"), PREDICATE_TYPE);
        JsonValue subjects = statement.required("subject");
        if (subjects.array().size() != 1) {
            throw subjects.broken("has " + subjects.array().size() + " elements, not 1");
        }
        JsonObject subject = subjects.array().getFirst().object();
        JsonObject predicate = statement.required("predicate").object();
        predicate.refuseUnknown(PREDICATE_MEMBERS);
        ImageStatement.Image image = new ImageStatement.Image(
                subject.required("name").string(),
                hex(subject.required("digest").object().required(HASH_ALGORITHM)),
                digest(predicate.required("configDigest")),
                predicate.required("imageVersion").integer(0, Long.MAX_VALUE));
        return new ImageStatement(
                image,
                contents(predicate),
                verity(predicate.required("verity").object()),
                upperLayer(predicate.required("upperLayer")),
                validity(predicate.optional("validity")));
    }

    private static ImageStatement.Contents contents(JsonObject predicate) throws CorruptImageException {
        JsonObject fsmeta = predicate.required("fsmeta").object();
        fsmeta.refuseUnknown(Set.of("digest", "blocks"));
        List<ImageStatement.Layer> layers = new ArrayList<>();
        for (JsonValue element : predicate.required("layers").array()) {
            JsonObject layer = element.object();
            layer.refuseUnknown(Set.of("diffId", "blocks", "verityRoot"));
            layers.add(new ImageStatement.Layer(
                    digest(layer.required("diffId")),
                    blocks(layer.required("blocks")),
                    hex(layer.required("verityRoot"))));
        }
        return new ImageStatement.Contents(
                (int) predicate.required("formatVersion").integer(1, Integer.MAX_VALUE),
                new ImageStatement.Fsmeta(digest(fsmeta.required("digest")), blocks(fsmeta.required("blocks"))),
                layers);
    }

    private static ImageStatement.VerityTable verity(JsonObject verity) throws CorruptImageException {
        verity.refuseUnknown(VERITY_MEMBERS);
        verity.required("hashType").integer(1, 1);
        expect(verity.required("hashAlgorithm"), HASH_ALGORITHM);
        ImageStatement.VerityTable table = new ImageStatement.VerityTable(
                new VerityGeometry((int) verity.required("dataBlockSize").integer(512, 4096), (int)
                        verity.required("hashBlockSize").integer(512, 4096)),
                blocks(verity.required("dataBlocks")),
                verity.required("hashStartBlock").integer(1, 2 * VerityGeometry.MAX_DATA_BLOCKS),
                hex(verity.required("rootHash")));
        expect(verity.required("salt"), table.saltHex());
        return table;
    }

    private static UpperLayer upperLayer(JsonValue value) throws CorruptImageException {
        String text = value.string();
        for (UpperLayer upperLayer : UpperLayer.values()) {
            if (upperLayer.text().equals(text)) {
                return upperLayer;
            }
        }
        throw value.broken("is no upper layer that this version knows: " + JsonValue.printable(text));
    }

    private static Validity validity(@Nullable JsonValue value) throws CorruptImageException {
        if (value == null) {
            return Validity.ALWAYS;
        }
        JsonObject validity = value.object();
        validity.refuseUnknown(Set.of("notBefore", "notAfter"));
        return new Validity(instant(validity.optional("notBefore")), instant(validity.optional("notAfter")));
    }

    private static Optional<Instant> instant(@Nullable JsonValue value) throws CorruptImageException {
        if (value == null) {
            return Optional.empty();
        }
        String text = value.string();
        try {
            Instant instant = Instant.parse(text);
            if (instant.toString().equals(text)) {
                return Optional.of(instant);
            }
        } catch (DateTimeException notATime) {
            // Said below, with the place.
        }
        throw value.broken("is no time like 2026-01-31T00:00:00Z: " + JsonValue.printable(text));
    }

    private static long blocks(JsonValue value) throws CorruptImageException {
        return value.integer(1, VerityGeometry.MAX_DATA_BLOCKS);
    }

    private static Digest digest(JsonValue value) throws CorruptImageException {
        return Digest.parse(value.string());
    }

    private static Digest hex(JsonValue value) throws CorruptImageException {
        return Digest.parse(HASH_ALGORITHM + ":" + value.string());
    }

    private static void expect(JsonValue value, String expected) throws CorruptImageException {
        String found = value.string();
        if (!found.equals(expected)) {
            throw value.broken("is " + JsonValue.printable(found) + ", not " + expected);
        }
    }
}
