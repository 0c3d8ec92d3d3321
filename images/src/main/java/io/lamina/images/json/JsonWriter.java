package io.lamina.images.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes JSON in exactly one way: names sorted by their UTF-16 units, no space, UTF-8, only those characters escaped
 * that must be. The same tree gives the same bytes everywhere.
 */
public final class JsonWriter {
    private static final JsonFactory FACTORY = new JsonFactory();

    private JsonWriter() {}

    /**
     * The bytes of {@code value}: a map with string keys, a list, a string, an integer or a boolean.
     *
     * @throws IllegalArgumentException if the tree holds something else, or a string with an unpaired surrogate
     */
    public static byte[] write(Object value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonGenerator out = FACTORY.createGenerator(bytes)) {
            write(value, out);
        } catch (IOException impossible) {
            throw new AssertionError("writing to memory", impossible);
        }
        return bytes.toByteArray();
    }

    private static void write(Object value, JsonGenerator out) throws IOException {
        switch (value) {
            case Map<?, ?> members -> {
                Map<String, Object> sorted = new TreeMap<>();
                members.forEach((name, member) -> sorted.put((String) name, member));
                out.writeStartObject();
                for (Map.Entry<String, Object> member : sorted.entrySet()) {
                    out.writeFieldName(encodable(member.getKey()));
                    write(member.getValue(), out);
                }
                out.writeEndObject();
            }
            case List<?> elements -> {
                out.writeStartArray();
                for (Object element : elements) {
                    write(element, out);
                }
                out.writeEndArray();
            }
            case String text -> out.writeString(encodable(text));
            case Long number -> out.writeNumber(number);
            case Integer number -> out.writeNumber(number);
            case Boolean bool -> out.writeBoolean(bool);
            default -> throw new IllegalArgumentException("no JSON value: " + value.getClass());
        }
    }

    private static String encodable(String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException("a string with an unpaired surrogate");
        }
        return text;
    }
}
