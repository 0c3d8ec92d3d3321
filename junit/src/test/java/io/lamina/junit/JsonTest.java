package io.lamina.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class JsonTest {
    @Test
    void whatIsWrittenIsRead() {
        Map<String, Object> value = new LinkedHashMap<>();
        value.put("text", "a \"b\" \\ \n \u0001 \u00e4 \ud83d\ude00");
        value.put("list", List.of("x", 1L, true, List.of(), Map.of("k", -5L)));
        value.put("none", Map.of());
        assertEquals(value, Json.object(Json.write(value)));
    }

    @Test
    void escapesAndSpaceAreThoseOfTheFormat() {
        assertEquals(
                Map.of("a", "\b\f\r\t/\u20ac", "b", List.of(1L, 2L)),
                Json.object(" { \"a\" : \"\\b\\f\\r\\t\\/\\u20ac\" , \"b\":[ 1 ,2 ] } "));
    }

    @Test
    void whatIsNoObjectOfOursIsRefused() {
        for (String text : List.of(
                "",
                "1",
                "[]",
                "{",
                "{}x",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1,}",
                "{\"a\":\"",
                "{\"a\":\"\\x\"}",
                "{\"a\":\"\\u12g4\"}",
                "{\"a\":\"\\u12",
                "{\"a\":1.5}",
                "{\"a\":99999999999999999999}",
                "{\"a\":nul}",
                "{\"a\":" + "[".repeat(100))) {
            assertThrows(IllegalArgumentException.class, () -> Json.object(text), text);
        }
    }

    @Test
    void damagedTextEndsInAValueOrInARefusal() {
        String good = Json.write(Map.of("event", "output", "id", 7L, "data", "QUJD\n", "list", List.of("a", true)));
        Random random = new Random(20261124);
        for (int i = 0; i < 20_000; i++) {
            StringBuilder damaged = new StringBuilder(good);
            for (int n = random.nextInt(3); n >= 0; n--) {
                damaged.setCharAt(random.nextInt(damaged.length()), (char) random.nextInt(128));
            }
            String text = damaged.substring(0, random.nextInt(damaged.length() + 1));
            try {
                assertEquals(Json.object(text), Json.object(Json.write(Json.object(text))), text);
            } catch (IllegalArgumentException refused) {
                // As it says.
            }
        }
    }
}
