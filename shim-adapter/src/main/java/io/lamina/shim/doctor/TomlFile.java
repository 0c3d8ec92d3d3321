package io.lamina.shim.doctor;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.toml.TomlMapper;
import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonValue;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A configuration in TOML, of bounded size. */
final class TomlFile {
    static final int MAX_BYTES = 1 << 20;

    private static final TomlMapper MAPPER = new TomlMapper();

    private final JsonNode root;

    private TomlFile(JsonNode root) {
        this.root = root;
    }

    /**
     * Reads a file.
     *
     * @param what names it in errors
     * @throws CorruptImageException if it is no TOML, with the line
     */
    static TomlFile read(String what, byte[] text) throws CorruptImageException {
        if (text.length > MAX_BYTES) {
            throw new CorruptImageException(what, "has " + text.length + " bytes, at most " + MAX_BYTES);
        }
        try {
            String characters = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(text))
                    .toString();
            return new TomlFile(MAPPER.readTree(characters));
        } catch (CharacterCodingException notUtf8) {
            throw new CorruptImageException(what, "is not UTF-8");
        } catch (JsonProcessingException broken) {
            String where = broken.getLocation() == null
                    ? ""
                    : "line " + broken.getLocation().getLineNr() + ": ";
            throw new CorruptImageException(what, where + JsonValue.printable(broken.getOriginalMessage()));
        } catch (IllegalArgumentException | ArithmeticException | IllegalStateException broken) {
            // What the library lets through of numbers and dates that are none.
            throw new CorruptImageException(what, JsonValue.printable(String.valueOf(broken.getMessage())));
        }
    }

    private JsonNode at(String... names) {
        JsonNode node = root;
        for (String name : names) {
            node = node.path(name);
        }
        return node;
    }

    /** The text there, if it is one. */
    Optional<String> text(String... names) {
        JsonNode node = at(names);
        return node.isTextual() ? Optional.of(node.asText()) : Optional.empty();
    }

    /** Whether {@code true} is there. */
    boolean isTrue(String... names) {
        return at(names).asBoolean(false);
    }

    /** The whole number there, or {@code otherwise}. */
    long number(long otherwise, String... names) {
        JsonNode node = at(names);
        return node.isIntegralNumber() ? node.asLong() : otherwise;
    }

    /** The names in the table there. */
    List<String> names(String... names) {
        List<String> result = new ArrayList<>();
        at(names).fieldNames().forEachRemaining(result::add);
        return result;
    }

    /** Whether anything is there. */
    boolean has(String... names) {
        return !at(names).isMissingNode();
    }
}
