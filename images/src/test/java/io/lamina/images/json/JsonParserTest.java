package io.lamina.images.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.testing.Mutations;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonParserTest {
    @Test
    void valuesComeOutAsTheyStand() throws CorruptImageException {
        JsonObject object = parse(
                        "{\"a\":[1,-2,9223372036854775807],\"b\":\"\\u00e9\\ud83d\\ude00\",\"c\":true,\"d\":null}")
                .object();

        assertEquals(3, object.array("a").size());
        assertEquals(Long.MAX_VALUE, object.array("a").get(2).integer(0, Long.MAX_VALUE));
        assertEquals("é😀", object.required("b").string());
        assertTrue(object.required("c").bool());
        assertTrue(object.optional("d") == null);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "[1",
                "[1,]",
                "{\"a\":1,}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":{\"b\":1,\"b\":2}}",
                "{a:1}",
                "'a'",
                "01",
                "1.",
                "+1",
                "NaN",
                "1 2",
                "[] x",
                "\"\u0001\"",
                "\"\\x\"",
                "\"\\ud800\"",
                "\"\\udc00\\ud800\"",
                "{\"\\ud800\":1}",
                "// comment\n1",
                "\ufeff1"
            })
    void whatIsNotStrictJsonIsRefusedByName(String text) {
        CorruptImageException refused = assertThrows(CorruptImageException.class, () -> parse(text));
        assertTrue(refused.getMessage().startsWith("text at byte "), refused.getMessage());
    }

    @Test
    void otherEncodingsAndBrokenUtf8AreRefused() {
        for (byte[] text : List.of(
                "{\"a\":1}".getBytes(StandardCharsets.UTF_16LE),
                "{\"a\":1}".getBytes(StandardCharsets.UTF_16),
                new byte[] {'"', (byte) 0xc0, (byte) 0x80, '"'},
                new byte[] {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'},
                new byte[] {'"', (byte) 0xff, '"'})) {
            assertThrows(CorruptImageException.class, () -> JsonParser.parse("text", text));
        }
    }

    @Test
    void depthSizeAndNumberOfValuesAreBounded() throws CorruptImageException {
        parse("[".repeat(JsonParser.MAX_DEPTH) + "]".repeat(JsonParser.MAX_DEPTH));
        assertThrows(CorruptImageException.class, () -> parse("[".repeat(JsonParser.MAX_DEPTH + 1)));
        assertThrows(CorruptImageException.class, () -> parse("[" + "1,".repeat(JsonParser.MAX_VALUES) + "1]"));
        assertThrows(CorruptImageException.class, () -> parse("1".repeat(65)));
        assertThrows(
                CorruptImageException.class, () -> JsonParser.parse("text", new byte[JsonParser.MAX_TEXT_BYTES + 1]));
    }

    @Test
    void anIntegerThatDoesNotFitFailsEveryRange() throws CorruptImageException {
        JsonValue large = parse("9223372036854775808");
        assertThrows(CorruptImageException.class, () -> large.integer(Long.MIN_VALUE, Long.MAX_VALUE));
    }

    @Test
    void writingIsSortedAndReadsBack() throws CorruptImageException {
        byte[] written = JsonWriter.write(Map.of("b", List.of(1L, true), "a", "x\n\"é"));
        assertEquals("{\"a\":\"x\\n\\\"é\",\"b\":[1,true]}", new String(written, StandardCharsets.UTF_8));
        assertEquals("x\n\"é", JsonParser.parse("text", written).object().string("a", ""));
    }

    @Test
    void mutatedTextsEndInAValueOrARefusal() {
        byte[] original = "{\"a\":[1,-2.5e3,\"\\u00e4\\ud83d\\ude00 ä\"],\"b\":{\"c\":null,\"d\":true}}"
                .getBytes(StandardCharsets.UTF_8);
        Random random = new Random(0x150);
        int taken = 0;
        for (int round = 0; round < 20_000; round++) {
            byte[] mutated = Mutations.mutate(original, random);
            try {
                JsonParser.parse("text", mutated);
                taken++;
            } catch (CorruptImageException refused) {
                assertTrue(refused.getMessage().startsWith("text at byte "), refused.getMessage());
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError(
                        "round " + round + ": " + HexFormat.of().formatHex(mutated), escaped);
            }
        }
        assertTrue(taken > 100, taken + " taken");
    }

    private static JsonValue parse(String text) throws CorruptImageException {
        return JsonParser.parse("text", text.getBytes(StandardCharsets.UTF_8));
    }
}
