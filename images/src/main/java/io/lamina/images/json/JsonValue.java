package io.lamina.images.json;

import io.lamina.images.CorruptImageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A JSON value and where it stands; each accessor asks for one kind of value and names the place when it finds another.
 * Immutable as long as nobody changes the tree that {@link JsonParser} made.
 */
public final class JsonValue {
    private static final int PRINTABLE_CHARACTERS = 300;

    private final String where;
    private final @Nullable Object value;

    JsonValue(String where, @Nullable Object value) {
        this.where = where;
        this.value = value;
    }

    /** The text's name and the way down to this value, such as {@code manifest: layers[2].size}. */
    public String where() {
        return where;
    }

    /** The value as an object. */
    public JsonObject object() throws CorruptImageException {
        if (!(value instanceof Map<?, ?> members)) {
            throw wrong("an object");
        }
        return new JsonObject(where, members);
    }

    /** The value as a string. */
    public String string() throws CorruptImageException {
        if (!(value instanceof String string)) {
            throw wrong("a string");
        }
        return string;
    }

    /** The value as a boolean. */
    public boolean bool() throws CorruptImageException {
        if (!(value instanceof Boolean bool)) {
            throw wrong("true or false");
        }
        return bool;
    }

    /** The value as an integer from {@code least} to {@code most}, both included. */
    public long integer(long least, long most) throws CorruptImageException {
        if (!(value instanceof Long number) || number < least || number > most) {
            throw wrong("an integer from " + least + " to " + most);
        }
        return number;
    }

    /** The value as an array. */
    public List<JsonValue> array() throws CorruptImageException {
        if (!(value instanceof List<?> elements)) {
            throw wrong("an array");
        }
        List<JsonValue> result = new ArrayList<>(elements.size());
        for (int i = 0; i < elements.size(); i++) {
            result.add(new JsonValue(where + "[" + i + "]", elements.get(i)));
        }
        return result;
    }

    /** The value as an array of strings. */
    public List<String> strings() throws CorruptImageException {
        List<String> result = new ArrayList<>();
        for (JsonValue element : array()) {
            result.add(element.string());
        }
        return List.copyOf(result);
    }

    /** The value as {@link JsonWriter} takes it; null, and members and elements that are null, are left out. */
    public Object tree() {
        return value == null ? Map.of() : tree(value);
    }

    private static Object tree(Object value) {
        return switch (value) {
            case Map<?, ?> members -> {
                Map<String, Object> kept = new TreeMap<>();
                members.forEach((name, member) -> {
                    if (member != null) {
                        kept.put((String) name, tree(member));
                    }
                });
                yield kept;
            }
            case List<?> elements -> {
                List<Object> kept = new ArrayList<>();
                for (Object element : elements) {
                    if (element != null) {
                        kept.add(tree(element));
                    }
                }
                yield kept;
            }
            default -> value;
        };
    }

    /** An error about this value for a rule that only its reader knows. */
    public CorruptImageException broken(String rule) {
        return new CorruptImageException(where, rule);
    }

    /** {@code text} without what would harm a terminal or a log: control characters are replaced, the rest cut off. */
    public static String printable(String text) {
        String head = text.length() > PRINTABLE_CHARACTERS ? text.substring(0, PRINTABLE_CHARACTERS) + "…" : text;
        StringBuilder result = new StringBuilder(head);
        for (int i = 0; i < result.length(); i++) {
            char c = result.charAt(i);
            if (Character.isISOControl(c) || Character.isSurrogate(c) || Character.getType(c) == Character.FORMAT) {
                result.setCharAt(i, '?');
            }
        }
        return result.toString();
    }

    private CorruptImageException wrong(String expected) {
        String found = value instanceof Map ? "an object" : value instanceof List ? "an array" : String.valueOf(value);
        return broken("expected " + expected + ", found " + printable(found));
    }
}
