package io.lamina.images.oracle;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.images.oracle.LayerStacks.Judge;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** A property that is checked against stacks which lack a feature is not checked for it: all features are in them. */
final class LayerStacksTest {
    private static final int SEEDS = 250;

    @Test
    void aSeedAlwaysGivesTheSameLayers() {
        for (long seed = 1; seed <= 20; seed++) {
            List<byte[]> once = LayerStacks.generate(seed, Judge.OVERLAYFS).tars();
            List<byte[]> again = LayerStacks.generate(seed, Judge.OVERLAYFS).tars();
            assertEquals(once.size(), again.size());
            for (int i = 0; i < once.size(); i++) {
                assertArrayEquals(once.get(i), again.get(i), "seed " + seed);
            }
        }
    }

    @Test
    void anOrdinaryRunMeetsEveryKindOfEntry() {
        Set<Encoding> encodings = EnumSet.noneOf(Encoding.class);
        Set<String> bodies = new TreeSet<>();
        Set<String> marks = new TreeSet<>();
        Set<String> xattrs = new TreeSet<>();
        for (long seed = 1; seed <= SEEDS; seed++) {
            for (List<LayerEntry> layer :
                    LayerStacks.generate(seed, Judge.OVERLAYFS).layers()) {
                for (LayerEntry entry : layer) {
                    encodings.add(entry.encoding());
                    bodies.add(entry.body().getClass().getSimpleName());
                    entry.attributes().xattrs().keySet().forEach(name -> xattrs.add(name.split("\\.", 2)[0]));
                    if (entry.name().startsWith(LayerEntry.WHITEOUT_PREFIX)) {
                        marks.add(entry.path().equals(LayerEntry.OPAQUE_WHITEOUT) ? "opaque root" : mark(entry.name()));
                    }
                }
            }
        }
        assertEquals(EnumSet.allOf(Encoding.class), encodings);
        assertEquals(Set.of("Device", "Directory", "Fifo", "File", "HardLink", "SymbolicLink"), bodies);
        assertEquals(Set.of("AUFS leftover", "opaque directory", "opaque root", "whiteout"), marks);
        assertEquals(Set.of("com", "security", "system", "trusted", "user"), xattrs);
    }

    @Test
    void anOrdinaryRunMeetsLayersThatActOnEachOther() {
        int implied = 0;
        int keptFromBelow = 0;
        int whitedOut = 0;
        int linked = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            LayerStack stack = LayerStacks.generate(seed, Judge.OVERLAYFS);
            ExpectedTree expected = stack.expected();
            implied += expected.implied().isEmpty() ? 0 : 1;
            Set<String> kept = new TreeSet<>(expected.implied());
            kept.removeAll(expected.invented());
            keptFromBelow += kept.isEmpty() ? 0 : 1;
            ExpectedTree before = new ExpectedTree();
            for (List<LayerEntry> layer : stack.layers()) {
                whitedOut += hides(before, layer) ? 1 : 0;
                before.apply(layer);
            }
            linked += expected.listing().entries().values().stream()
                            .anyMatch(entry -> entry.inodeGroup().size() > 1)
                    ? 1
                    : 0;
        }
        String counts =
                "implied %d, kept %d, hidden %d, linked %d".formatted(implied, keptFromBelow, whitedOut, linked);
        assertTrue(Math.min(Math.min(implied, keptFromBelow), Math.min(whitedOut, linked)) > SEEDS / 5, counts);
    }

    private static String mark(String name) {
        if (name.equals(LayerEntry.OPAQUE_WHITEOUT)) {
            return "opaque directory";
        }
        return name.startsWith(".wh..wh.") ? "AUFS leftover" : "whiteout";
    }

    private static boolean hides(ExpectedTree below, List<LayerEntry> layer) {
        return layer.stream()
                .filter(entry -> entry.name().startsWith(LayerEntry.WHITEOUT_PREFIX))
                .anyMatch(entry -> {
                    String name = entry.name().substring(LayerEntry.WHITEOUT_PREFIX.length());
                    return below.at(entry.parent().isEmpty() ? name : entry.parent() + "/" + name) != null;
                });
    }
}
