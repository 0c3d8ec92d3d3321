package io.lamina.images.json;

import io.lamina.images.CorruptImageException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** A JSON object and where it stands. A member that is {@code null} counts as absent, as Go's decoder has it. */
public final class JsonObject {
    private final String where;
    private final Map<?, ?> members;

    JsonObject(String where, Map<?, ?> members) {
        this.where = where;
        this.members = members;
    }

    /** The text's name and the way down to this object. */
    public String where() {
        return where;
    }

    /** The member {@code name}, or null if it is absent. */
    public @Nullable JsonValue optional(String name) {
        Object value = members.get(name);
        return value == null ? null : new JsonValue(place(name), value);
    }

    /** The member {@code name}, which must be there. */
    public JsonValue required(String name) throws CorruptImageException {
        JsonValue value = optional(name);
        if (value == null) {
            throw new CorruptImageException(place(name), "is missing");
        }
        return value;
    }

    /** The string {@code name}, or {@code otherwise} if it is absent. */
    public String string(String name, String otherwise) throws CorruptImageException {
        JsonValue value = optional(name);
        return value == null ? otherwise : value.string();
    }

    /** The array of strings {@code name}, empty if it is absent. */
    public List<String> strings(String name) throws CorruptImageException {
        JsonValue value = optional(name);
        return value == null ? List.of() : value.strings();
    }

    /** The array {@code name}, empty if it is absent. */
    public List<JsonValue> array(String name) throws CorruptImageException {
        JsonValue value = optional(name);
        return value == null ? List.of() : value.array();
    }

    /** The names of all members, sorted. */
    public Set<String> names() {
        Set<String> names = new TreeSet<>();
        for (Object name : members.keySet()) {
            names.add((String) name);
        }
        return names;
    }

    /** Refuses members that {@code known} does not list. */
    public void refuseUnknown(Set<String> known) throws CorruptImageException {
        for (String name : names()) {
            if (!known.contains(name)) {
                throw new CorruptImageException(where, "has the unknown member \"" + JsonValue.printable(name) + "\"");
            }
        }
    }

    private String place(String name) {
        return where + (where.indexOf(':') < 0 ? ": " : ".") + name;
    }
}
