package io.lamina.images.json;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes JSON in exactly one way: names sorted by their UTF-16 units, no space, UTF-8, only those characters escaped
 * that must be. The same tree gives the same bytes everywhere.
 */
public final class JsonWriter {
    private final StringBuilder out = new StringBuilder();

    private JsonWriter() {}

    /**
     * The bytes of {@code value}: a map with string keys, a list, a string, an integer or a boolean.
     *
     * @throws IllegalArgumentException if the tree holds something else, or a string with an unpaired surrogate
     */
    public static byte[] write(Object value) {
        JsonWriter writer = new JsonWriter();
        writer.value(value);
        return writer.out.toString().getBytes(StandardCharsets.UTF_8);
    }

    private void value(Object value) {
        switch (value) {
            case Map<?, ?> members -> object(members);
            case List<?> elements -> array(elements);
            case String text -> string(text);
            case Long number -> out.append(number.longValue());
            case Integer number -> out.append(number.intValue());
            case Boolean bool -> out.append(bool.booleanValue());
            default -> throw new IllegalArgumentException("no JSON value: " + value.getClass());
        }
    }

    private void object(Map<?, ?> members) {
        Map<String, Object> sorted = new TreeMap<>();
        members.forEach((name, member) -> sorted.put((String) name, member));
        out.append('{');
        String separator = "";
        for (Map.Entry<String, Object> member : sorted.entrySet()) {
            out.append(separator);
            separator = ",";
            string(member.getKey());
            out.append(':');
            value(member.getValue());
        }
        out.append('}');
    }

    private void array(List<?> elements) {
        out.append('[');
        String separator = "";
        for (Object element : elements) {
            out.append(separator);
            separator = ",";
            value(element);
        }
        out.append(']');
    }

    private void string(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20) {
                out.append("\\u").append(HexFormat.of().toHexDigits(c));
            } else if (Character.isSurrogate(c)) {
                if (!Character.isSurrogatePair(c, i + 1 < text.length() ? text.charAt(i + 1) : ' ')) {
                    throw new IllegalArgumentException("an unpaired surrogate at character " + i);
                }
                out.append(c).append(text.charAt(++i));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
