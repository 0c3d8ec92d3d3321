package io.lamina.shim.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.oci.Digest;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The shape of the fragments: brackets, quotes and order. That they allow and refuse what they should takes OPA, which
 * is not among the packages that tests install; it was tried by hand, with hcsshim's own framework, too.
 */
final class PolicyTest {
    private static final Digest TOP = Digest.ofContent(new byte[] {1});
    private static final Digest BASE = Digest.ofContent(new byte[] {2});

    @Test
    void katasFragmentListsItsPartitionsTopFirst() {
        String text = KataPolicy.of(
                List.of(new KataPolicy.Partition(TOP, 4_096_000), new KataPolicy.Partition(BASE, 524_288)));
        checkBrackets(text);
        assertTrue(text.indexOf(TOP.hex()) < text.indexOf(BASE.hex()), text);
        assertTrue(text.contains("\"hashoffset\": \"4096000\""), text);
        assertTrue(text.contains("X-kata.overlay-upper"), text);
        assertTrue(text.contains("default lamina_storages_ok(_) := false"), text);
    }

    @Test
    void hcsshimsFragmentListsLayersBaseFirst() {
        String text = HcsPolicy.of("web", List.of(BASE, TOP));
        checkBrackets(text);
        assertTrue(text.indexOf(BASE.hex()) < text.indexOf(TOP.hex()), text);
        assertThrows(IllegalArgumentException.class, () -> HcsPolicy.of("a\"b", List.of(BASE)));
        assertThrows(IllegalArgumentException.class, () -> HcsPolicy.of("a\nb", List.of(BASE)));
    }

    private static void checkBrackets(String text) {
        Deque<Character> open = new ArrayDeque<>();
        for (String line : text.lines().toList()) {
            boolean quoted = false;
            for (char c : (line.startsWith("#") ? "" : line).toCharArray()) {
                quoted ^= c == '"';
                if (!quoted && "([{".indexOf(c) >= 0) {
                    open.push(")]}".charAt("([{".indexOf(c)));
                } else if (!quoted && ")]}".indexOf(c) >= 0) {
                    assertEquals(open.pop(), c, line);
                }
            }
            assertTrue(!quoted, line);
        }
        assertTrue(open.isEmpty(), "brackets stay open");
    }
}
