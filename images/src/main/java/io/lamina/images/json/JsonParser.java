package io.lamina.images.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads one JSON text (RFC 8259) of a bounded size into a tree. Stricter than the RFC where it leaves a choice: UTF-8
 * without byte order mark, each name once in an object, no unpaired surrogates, nothing after the value. Depth and
 * the number of values are bounded too, so that a small text cannot become a large tree.
 */
public final class JsonParser {
    /** Largest text, in bytes: as much as registries take for a manifest. */
    public static final int MAX_TEXT_BYTES = 4 << 20;

    /** Objects and arrays within each other. */
    public static final int MAX_DEPTH = 32;

    /** Values of all kinds in one text. */
    public static final int MAX_VALUES = 100_000;

    private static final int MAX_NUMBER_CHARACTERS = 64;

    private static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            // Names come from outside: no table keeps them.
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxDocumentLength(MAX_TEXT_BYTES)
                    .maxStringLength(MAX_TEXT_BYTES)
                    .maxNameLength(MAX_TEXT_BYTES)
                    // Counted here, as are names: a check of ours can be switched off to see what it is for.
                    .maxNestingDepth(MAX_TEXT_BYTES)
                    .maxNumberLength(MAX_NUMBER_CHARACTERS)
                    .build())
            .build();

    private final String what;
    private final String text;
    private final com.fasterxml.jackson.core.JsonParser tokens;
    private int values;
    private int depth;

    private JsonParser(String what, String text, com.fasterxml.jackson.core.JsonParser tokens) {
        this.what = what;
        this.text = text;
        this.tokens = tokens;
    }

    /**
     * The value that {@code text} holds.
     *
     * @param what name of the text in messages, such as {@code image configuration}
     * @throws CorruptImageException if it is no JSON text or beyond the limits of this class
     */
    public static JsonValue parse(String what, byte[] text) throws CorruptImageException {
        if (text.length > MAX_TEXT_BYTES) {
            throw new CorruptImageException(what, "has " + text.length + " bytes, at most " + MAX_TEXT_BYTES);
        }
        String characters = decode(what, text);
        try (com.fasterxml.jackson.core.JsonParser tokens = FACTORY.createParser(characters)) {
            return new JsonParser(what, characters, tokens).parse();
        } catch (CorruptImageException told) {
            throw told;
        } catch (IOException impossible) {
            throw new AssertionError("reading from memory", impossible);
        }
    }

    /** Jackson would guess among five encodings; here what is not UTF-8 is refused. */
    private static String decode(String what, byte[] text) throws CorruptImageException {
        ByteBuffer bytes = ByteBuffer.wrap(text);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException notUtf8) {
            throw new CorruptImageException(what, bytes.position(), "is not UTF-8");
        }
    }

    private JsonValue parse() throws IOException {
        try {
            Object value = value(next());
            if (tokens.nextToken() != null) {
                throw broken("something follows the JSON value");
            }
            return new JsonValue(what, value);
        } catch (JsonProcessingException malformed) {
            throw broken(malformed.getOriginalMessage());
        }
    }

    private @Nullable Object value(JsonToken token) throws IOException {
        if (++values > MAX_VALUES) {
            throw broken("more than " + MAX_VALUES + " values");
        }
        return switch (token) {
            case START_OBJECT, START_ARRAY -> {
                depth++;
                checkDepth();
                Object inner = token == JsonToken.START_OBJECT ? object() : array();
                depth--;
                yield inner;
            }
            case VALUE_STRING -> checked(tokens.getText());
            case VALUE_NUMBER_INT -> integer();
            case VALUE_NUMBER_FLOAT -> tokens.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            case END_ARRAY, END_OBJECT, FIELD_NAME, NOT_AVAILABLE, VALUE_EMBEDDED_OBJECT ->
                throw broken("no JSON value here");
        };
    }

    private Map<String, @Nullable Object> object() throws IOException {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        while (next() != JsonToken.END_OBJECT) {
            String name = checked(tokens.currentName());
            checkNew(name, members);
            members.put(name, value(next()));
        }
        return members;
    }

    private void checkNew(String name, Map<String, @Nullable Object> members) throws CorruptImageException {
        if (members.containsKey(name)) {
            throw broken("Duplicate name " + JsonValue.printable(name));
        }
    }

    private void checkDepth() throws CorruptImageException {
        if (depth > MAX_DEPTH) {
            throw broken("a depth of more than " + MAX_DEPTH);
        }
    }

    private List<@Nullable Object> array() throws IOException {
        List<@Nullable Object> elements = new ArrayList<>();
        for (JsonToken token = next(); token != JsonToken.END_ARRAY; token = next()) {
            elements.add(value(token));
        }
        return elements;
    }

    /** A {@link Long} when it fits, else a {@link Double}: large enough to fail every range check. */
    private Object integer() throws IOException {
        return switch (tokens.getNumberType()) {
            case INT, LONG -> tokens.getLongValue();
            case BIG_INTEGER, FLOAT, DOUBLE, BIG_DECIMAL -> Double.valueOf(tokens.getText());
        };
    }

    /** {@code text}, in which an escape may have left half of a surrogate pair. */
    private String checked(String text) throws CorruptImageException {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (i + 1 == text.length() || !Character.isSurrogatePair(c, text.charAt(i + 1))) {
                    throw broken("a surrogate without its pair");
                }
                i++;
            }
        }
        return text;
    }

    private JsonToken next() throws IOException {
        JsonToken token = tokens.nextToken();
        if (token == null) {
            throw broken("the text ends too early");
        }
        return token;
    }

    private CorruptImageException broken(String rule) {
        int characters = Math.clamp(tokens.currentLocation().getCharOffset(), 0, text.length());
        long offsetBytes = text.substring(0, characters).getBytes(StandardCharsets.UTF_8).length;
        return new CorruptImageException(what, offsetBytes, JsonValue.printable(rule));
    }
}
