package io.lamina.shim.attachment;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonValue;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The rules for strings from outside that become paths, names and options of other programs. */
public final class Texts {
    /** PATH_MAX of linux/limits.h without its NUL. */
    public static final int MAX_PATH_BYTES = 4095;

    /** The longest name of a sandbox, an image or a lease. */
    public static final int MAX_NAME_CHARACTERS = 512;

    private Texts() {}

    /**
     * A path of this host.
     *
     * @param what names the value in errors
     * @throws CorruptImageException if it is not absolute, has {@code .}, {@code ..} or empty parts, a control character,
     *     or more than {@link #MAX_PATH_BYTES}
     */
    public static Path path(String what, String text) throws CorruptImageException {
        printable(what, text, MAX_PATH_BYTES);
        if (text.getBytes(StandardCharsets.UTF_8).length > MAX_PATH_BYTES) {
            throw new CorruptImageException(what, "is longer than " + MAX_PATH_BYTES + " bytes");
        }
        Path path = Path.of(text);
        if (!path.isAbsolute() || !path.normalize().toString().equals(text)) {
            throw new CorruptImageException(
                    what, "is no absolute path without . and .. parts: " + JsonValue.printable(text));
        }
        return path;
    }

    /** As {@link #path(String, String)}, of a JSON text. */
    public static Path path(JsonValue value) throws CorruptImageException {
        return path(value.where(), value.string());
    }

    /**
     * A name that goes into paths and options: letters, digits, and {@code . _ -} behind the first character.
     *
     * @throws CorruptImageException if it is something else, or longer than 128 characters
     */
    public static String name(String what, String text) throws CorruptImageException {
        if (!text.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,127}")) {
            throw new CorruptImageException(
                    what, "is no name of letters, digits, '.', '_' and '-': " + JsonValue.printable(text));
        }
        return text;
    }

    /**
     * A text of one line.
     *
     * @throws CorruptImageException if it is empty, has a control character, or more than {@code maxCharacters}
     */
    public static String printable(String what, String text, int maxCharacters) throws CorruptImageException {
        if (text.isEmpty() || text.length() > maxCharacters) {
            throw new CorruptImageException(
                    what, "has " + text.length() + " characters, not from 1 to " + maxCharacters);
        }
        if (text.chars().anyMatch(Character::isISOControl)) {
            throw new CorruptImageException(what, "has a control character: " + JsonValue.printable(text));
        }
        return text;
    }
}
