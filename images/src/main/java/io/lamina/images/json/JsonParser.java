package io.lamina.images.json;

import io.lamina.images.CorruptImageException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
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

    private static final int MAX_NUMBER_BYTES = 64;

    private final String what;
    private final byte[] text;
    private int at;
    private int values;

    private JsonParser(String what, byte[] text) {
        this.what = what;
        this.text = text;
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
        JsonParser parser = new JsonParser(what, text);
        Object value = parser.value(0);
        parser.skipSpace();
        if (parser.at < text.length) {
            throw parser.broken("something follows the JSON value");
        }
        return new JsonValue(what, value);
    }

    private @Nullable Object value(int depth) throws CorruptImageException {
        if (++values > MAX_VALUES) {
            throw broken("more than " + MAX_VALUES + " values");
        }
        skipSpace();
        return switch (peek()) {
            case '{' -> object(depth + 1);
            case '[' -> array(depth + 1);
            case '"' -> string();
            case 't' -> literal("true", true);
            case 'f' -> literal("false", false);
            case 'n' -> literal("null", null);
            default -> number();
        };
    }

    private Map<String, @Nullable Object> object(int depth) throws CorruptImageException {
        enter(depth);
        skipSpace();
        if (peek() == '}') {
            at++;
            return Map.of();
        }
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        while (true) {
            skipSpace();
            int start = at;
            String name = string();
            if (members.containsKey(name)) {
                at = start;
                throw broken("the name \"" + JsonValue.printable(name) + "\" a second time in one object");
            }
            skipSpace();
            expect(':');
            members.put(name, value(depth));
            skipSpace();
            if (peek() == '}') {
                at++;
                return members;
            }
            expect(',');
        }
    }

    private List<@Nullable Object> array(int depth) throws CorruptImageException {
        enter(depth);
        skipSpace();
        if (peek() == ']') {
            at++;
            return List.of();
        }
        List<@Nullable Object> elements = new ArrayList<>();
        while (true) {
            elements.add(value(depth));
            skipSpace();
            if (peek() == ']') {
                at++;
                return elements;
            }
            expect(',');
        }
    }

    private void enter(int depth) throws CorruptImageException {
        if (depth > MAX_DEPTH) {
            throw broken("more than " + MAX_DEPTH + " objects and arrays within each other");
        }
        at++;
    }

    private String string() throws CorruptImageException {
        expect('"');
        int start = at;
        boolean ascii = true;
        while (peek() != '"') {
            int c = peek();
            if (c == '\\') {
                return escapedString(start);
            }
            checkNoControl(c);
            ascii &= c < 0x80;
            at++;
        }
        String result = ascii
                ? new String(text, start, at - start, StandardCharsets.ISO_8859_1)
                : decode(start, at).toString();
        at++;
        return result;
    }

    /** As {@link #string}, from the first backslash of the string that starts at {@code start} on. */
    private String escapedString(int start) throws CorruptImageException {
        StringBuilder result = new StringBuilder().append(decode(start, at));
        int plain = at;
        while (peek() != '"') {
            int c = peek();
            checkNoControl(c);
            if (c != '\\') {
                at++;
                continue;
            }
            result.append(decode(plain, at));
            at++;
            appendEscape(result);
            plain = at;
        }
        result.append(decode(plain, at));
        at++;
        return result.toString();
    }

    private void appendEscape(StringBuilder result) throws CorruptImageException {
        int c = peek();
        at++;
        switch (c) {
            case '"', '\\', '/' -> result.append((char) c);
            case 'b' -> result.append('\b');
            case 'f' -> result.append('\f');
            case 'n' -> result.append('\n');
            case 'r' -> result.append('\r');
            case 't' -> result.append('\t');
            case 'u' -> appendUnicode(result);
            default -> {
                at--;
                throw broken("an escape that JSON does not have");
            }
        }
    }

    private void appendUnicode(StringBuilder result) throws CorruptImageException {
        char first = hexChar();
        if (!Character.isSurrogate(first)) {
            result.append(first);
            return;
        }
        if (Character.isLowSurrogate(first) || peek() != '\\') {
            throw broken("a surrogate without its pair");
        }
        at++;
        expect('u');
        char second = hexChar();
        if (!Character.isLowSurrogate(second)) {
            throw broken("a surrogate without its pair");
        }
        result.append(first).append(second);
    }

    private char hexChar() throws CorruptImageException {
        int value = 0;
        for (int i = 0; i < 4; i++) {
            int c = peek();
            int digit = c < 0x80 ? Character.digit(c, 16) : -1;
            if (digit < 0) {
                throw broken("four hexadecimal digits follow \\u");
            }
            value = value << 4 | digit;
            at++;
        }
        return (char) value;
    }

    private CharSequence decode(int start, int end) throws CorruptImageException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text, start, end - start));
        } catch (CharacterCodingException notUtf8) {
            at = start;
            throw broken("a string that is not UTF-8");
        }
    }

    private void checkNoControl(int c) throws CorruptImageException {
        if (c < 0x20) {
            throw broken("a control character within a string");
        }
    }

    /** A {@link Long} when it is written as an integer and fits, else a {@link Double}. */
    private Object number() throws CorruptImageException {
        int start = at;
        if (peek() == '-') {
            at++;
        }
        boolean leadingZero = peek() == '0';
        int integerStart = at;
        digits();
        if (leadingZero && at - integerStart > 1) {
            at = start;
            throw broken("a number with a leading zero");
        }
        boolean integer = true;
        if (at < text.length && text[at] == '.') {
            at++;
            digits();
            integer = false;
        }
        if (at < text.length && (text[at] | 0x20) == 'e') {
            at++;
            if (peek() == '+' || peek() == '-') {
                at++;
            }
            digits();
            integer = false;
        }
        if (at - start > MAX_NUMBER_BYTES) {
            at = start;
            throw broken("a number of more than " + MAX_NUMBER_BYTES + " characters");
        }
        String digits = new String(text, start, at - start, StandardCharsets.ISO_8859_1);
        if (integer) {
            try {
                return Long.valueOf(digits);
            } catch (NumberFormatException tooLarge) {
                return Double.valueOf(digits);
            }
        }
        return Double.valueOf(digits);
    }

    private void digits() throws CorruptImageException {
        int start = at;
        while (at < text.length && text[at] >= '0' && text[at] <= '9') {
            at++;
        }
        if (at == start) {
            throw broken("no JSON value here");
        }
    }

    private @Nullable Object literal(String word, @Nullable Boolean value) throws CorruptImageException {
        byte[] expected = word.getBytes(StandardCharsets.ISO_8859_1);
        int end = Math.min(text.length, at + expected.length);
        if (!Arrays.equals(text, at, end, expected, 0, expected.length)) {
            throw broken("no JSON value here");
        }
        at = end;
        return value;
    }

    private void skipSpace() {
        while (at < text.length && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t')) {
            at++;
        }
    }

    private void expect(char c) throws CorruptImageException {
        if (peek() != c) {
            throw broken("'" + c + "' belongs here");
        }
        at++;
    }

    /** The byte at hand, 0 to 255. */
    private int peek() throws CorruptImageException {
        if (at >= text.length) {
            throw broken("the text ends too early");
        }
        return text[at] & 0xff;
    }

    private CorruptImageException broken(String rule) {
        return new CorruptImageException(what, at, rule);
    }
}
