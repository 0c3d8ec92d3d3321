package io.lamina.images.json;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.lamina.images.CorruptImageException;
import io.lamina.images.testing.Mutations;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class JsonParserTest {
    private static final JsonFactory JACKSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private static final String SAMPLE = """
            {"a":[1,-2,30,0,-0,1.5,2e10,-3.25E-2,9223372036854775807],"b":{"c":true,"d":false,"e":null},
             "s":"plain","t":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00 ä 😀","":{},"x":[[],[[]],{"y":[{}]}]}
            """;

    @Test
    void valuesAreRead() throws Exception {
        JsonObject sample = parse(SAMPLE).object();
        List<JsonValue> numbers = sample.required("a").array();
        assertEquals(1, numbers.get(0).integer(0, 1));
        assertEquals(-2, numbers.get(1).integer(-2, 2));
        assertEquals(Long.MAX_VALUE, numbers.get(8).integer(0, Long.MAX_VALUE));
        assertThrows(CorruptImageException.class, () -> numbers.get(5).integer(0, 10));
        assertTrue(sample.required("b").object().required("c").bool());
        assertEquals(null, sample.required("b").object().optional("e"));
        assertEquals("\"\\/\b\f\n\r\tä😀 ä 😀", sample.required("t").string());
    }

    @Test
    void errorsNameTheirPlace() {
        String message = assertThrows(CorruptImageException.class, () -> parse("{\"a\":1,\"\\u0061\":2}"))
                .getMessage();
        assertEquals("text at byte 7: the name \"a\" a second time in one object", message);
        String kind = assertThrows(
                        CorruptImageException.class,
                        () -> parse(SAMPLE)
                                .object()
                                .required("x")
                                .array()
                                .get(2)
                                .object()
                                .required("y")
                                .object())
                .getMessage();
        assertEquals("text: x[2].y: expected an object, found an array", kind);
    }

    @Test
    void whatIsNoJsonIsRefused() {
        for (String text : List.of(
                "",
                " ",
                "{",
                "[",
                "[1,]",
                "{\"a\":1,}",
                "{\"a\"}",
                "{a:1}",
                "'a'",
                "nul",
                "nulll",
                "tru",
                "01",
                "-",
                "+1",
                ".5",
                "1.",
                "1e",
                "1e+",
                "NaN",
                "Infinity",
                "\"",
                "\"\\x\"",
                "\"\\u12\"",
                "\"\\u12g4\"",
                "\"\t\"",
                "\"\\ud800\"",
                "\"\\udc00\"",
                "\"\\ud800\\u0041\"",
                "1 2",
                "[] []",
                "\uFEFF{}",
                "//x\n1",
                "{\"a\":1 \"b\":2}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":{},\"\\u0061\":{}}",
                "\u00a01",
                "1".repeat(100))) {
            assertThrows(CorruptImageException.class, () -> parse(text), text);
        }
    }

    @Test
    void bytesThatAreNotUtf8AreRefused() {
        for (int[] bytes : new int[][] {{0x80}, {0xc0, 0x80}, {0xed, 0xa0, 0x80}, {0xf5, 0x80, 0x80, 0x80}, {0xe4}}) {
            byte[] text = new byte[bytes.length + 2];
            text[0] = '"';
            text[text.length - 1] = '"';
            for (int i = 0; i < bytes.length; i++) {
                text[i + 1] = (byte) bytes[i];
            }
            assertThrows(CorruptImageException.class, () -> JsonParser.parse("text", text));
        }
    }

    @Test
    void smallTextsDoNotBecomeLargeTrees() {
        assertDoesNotThrow(() -> parse("[".repeat(32) + "]".repeat(32)));
        assertThrows(CorruptImageException.class, () -> parse("[".repeat(33) + "]".repeat(33)));
        assertThrows(CorruptImageException.class, () -> parse("[".repeat(1 << 20)));
        assertThrows(CorruptImageException.class, () -> parse("{\"a\":".repeat(1 << 19)));
        assertDoesNotThrow(() -> parse("[" + "{},".repeat(99_998) + "1]"));
        assertThrows(CorruptImageException.class, () -> parse("[" + "{},".repeat(99_999) + "1]"));
        assertThrows(
                CorruptImageException.class, () -> JsonParser.parse("text", new byte[JsonParser.MAX_TEXT_BYTES + 1]));
    }

    @Test
    void whatIsWrittenIsReadTheSame() throws Exception {
        Map<String, Object> tree = Map.of(
                "z", List.of(1, -5L, true), "a", Map.of("text", "\u0000\u001f\"\\/ä😀\u2028"), "empty", Map.of());
        byte[] bytes = JsonWriter.write(tree);
        assertEquals(
                "{\"a\":{\"text\":\"\\u0000\\u001f\\\"\\\\/ä😀\u2028\"},\"empty\":{},\"z\":[1,-5,true]}",
                new String(bytes, StandardCharsets.UTF_8));
        assertEquals(
                "\u0000\u001f\"\\/ä😀\u2028",
                JsonParser.parse("text", bytes)
                        .object()
                        .required("a")
                        .object()
                        .required("text")
                        .string());
        assertArrayEquals(bytes, JsonWriter.write(tree));
        assertThrows(IllegalArgumentException.class, () -> JsonWriter.write("\ud800"));
        assertThrows(IllegalArgumentException.class, () -> JsonWriter.write(1.5));
    }

    /** Two parsers written apart agree on what is JSON, but for what we refuse on purpose. */
    @Test
    void mutatedTextsAreTakenOrRefusedAsJacksonDoes() {
        byte[] original = SAMPLE.getBytes(StandardCharsets.UTF_8);
        long seed = 0x150;
        Random random = new Random(seed);
        int taken = 0;
        for (int round = 0; round < 20_000; round++) {
            byte[] mutated = Mutations.mutate(original, random);
            String message = "seed " + seed + " round " + round + ": " + new String(mutated, StandardCharsets.UTF_8);
            boolean ours;
            try {
                JsonParser.parse("text", mutated);
                ours = true;
                taken++;
            } catch (CorruptImageException refusal) {
                ours = false;
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError(message, escaped);
            }
            if (ours) {
                assertTrue(jacksonTakes(mutated), message);
            } else if (jacksonTakes(mutated)) {
                assertTrue(hasUnpairedSurrogate(mutated), message);
            }
        }
        assertTrue(taken > 300, taken + " taken");
    }

    private static boolean jacksonTakes(byte[] text) {
        try (com.fasterxml.jackson.core.JsonParser parser = JACKSON.createParser(text)) {
            if (parser.nextToken() == null) {
                return false;
            }
            int depth = 0;
            JsonToken token = parser.currentToken();
            int values = 0;
            do {
                if (token == null) {
                    return values == 1 && depth == 0;
                }
                if (token.isStructStart()) {
                    depth++;
                } else if (token.isStructEnd()) {
                    depth--;
                } else if (token == JsonToken.VALUE_STRING || token == JsonToken.FIELD_NAME) {
                    parser.getText();
                }
                if (depth == 0) {
                    values++;
                }
                token = parser.nextToken();
            } while (true);
        } catch (IOException refusal) {
            return false;
        }
    }

    private static boolean hasUnpairedSurrogate(byte[] text) {
        return new String(text, StandardCharsets.UTF_8).matches("(?si).*\\\\ud[89a-f].*")
                || new String(text, StandardCharsets.UTF_8).indexOf('\uFFFD') >= 0;
    }

    private static JsonValue parse(String text) throws CorruptImageException {
        return JsonParser.parse("text", text.getBytes(StandardCharsets.UTF_8));
    }
}
