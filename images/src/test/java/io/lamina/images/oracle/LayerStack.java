package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import io.lamina.linux.FileStatus.Timestamp;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Layers, base first, each the entries of its tar in order.
 *
 * @param seed what made them, for {@link LayerStacks}
 */
public record LayerStack(long seed, List<List<LayerEntry>> layers) {
    /** The layers' tars, base first. */
    public List<byte[]> tars() {
        return layers.stream().map(TarWriter::tar).toList();
    }

    /** What applying the layers gives. */
    public ExpectedTree expected() {
        ExpectedTree tree = new ExpectedTree();
        layers.forEach(tree::apply);
        return tree;
    }

    /**
     * The lowest layer that can be seen from the top: the topmost one with an opaque mark at its root, else 0.
     * overlayfs looks at no such mark on the root of a layer, so its mount starts here.
     */
    public int lowestVisibleLayer() {
        for (int i = layers.size() - 1; i > 0; i--) {
            if (layers.get(i).stream().anyMatch(entry -> entry.path().equals(LayerEntry.OPAQUE_WHITEOUT))) {
                return i;
            }
        }
        return 0;
    }

    /**
     * Takes entries and whole layers away for as long as one of the differences stays, so that what is left is all
     * needed for it.
     *
     * @param differences what this stack has, lines of {@link TreeListing#differences}
     * @param judge gives the differences of a smaller stack
     */
    public LayerStack shrunk(List<String> differences, Function<LayerStack, List<String>> judge) {
        Set<String> subjects = subjects(differences);
        LayerStack smallest = this;
        boolean smaller = true;
        while (smaller) {
            smaller = false;
            for (LayerStack candidate : smallest.smallerOnes()) {
                if (candidate.makesSense() && !Collections.disjoint(subjects, subjects(judge.apply(candidate)))) {
                    smallest = candidate;
                    smaller = true;
                    break;
                }
            }
        }
        return smallest;
    }

    /** Path and field of each difference: its values, such as the time of day, may change from try to try. */
    private static Set<String> subjects(List<String> differences) {
        return differences.stream().map(line -> line.split(" (is|has) ", 2)[0]).collect(Collectors.toSet());
    }

    private List<LayerStack> smallerOnes() {
        List<LayerStack> candidates = new ArrayList<>();
        for (int layer = 0; layers.size() > 1 && layer < layers.size(); layer++) {
            List<List<LayerEntry>> fewer = new ArrayList<>(layers);
            fewer.remove(layer);
            candidates.add(new LayerStack(seed, fewer));
        }
        for (int layer = 0; layer < layers.size(); layer++) {
            for (int half = layers.get(layer).size() / 2; half >= 1; half /= 2) {
                for (int from = 0; from + half <= layers.get(layer).size(); from += half) {
                    List<LayerEntry> entries = new ArrayList<>(layers.get(layer));
                    entries.subList(from, from + half).clear();
                    List<List<LayerEntry>> fewer = new ArrayList<>(layers);
                    fewer.set(layer, entries);
                    candidates.add(new LayerStack(seed, fewer));
                }
            }
        }
        return candidates;
    }

    private boolean makesSense() {
        try {
            expected();
            return true;
        } catch (IllegalArgumentException linkWithoutTarget) {
            return false;
        }
    }

    /** The number of entries of all layers. */
    public int size() {
        return layers.stream().mapToInt(List::size).sum();
    }

    /** Every entry, for a failure message. */
    public String describe() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < layers.size(); i++) {
            text.append("layer ").append(i).append('\n');
            layers.get(i).forEach(entry -> text.append("    ").append(entry).append('\n'));
        }
        return text.toString();
    }

    /** The same stack with sparse files written as others are. */
    public LayerStack withoutSparseFiles() {
        return new LayerStack(
                seed,
                layers.stream()
                        .map(layer -> layer.stream().map(LayerEntry::dense).toList())
                        .toList());
    }

    /**
     * The same stack with one more file in each layer, at its start, that makes each layer's file data about
     * {@code bytes} long: what a writer keeps in its buffers is not enough then.
     */
    public LayerStack withDataOf(int bytes) {
        return new LayerStack(
                seed, layers.stream().map(layer -> withDataOf(bytes, layer)).toList());
    }

    private static List<LayerEntry> withDataOf(int bytes, List<LayerEntry> layer) {
        int data = layer.stream()
                .mapToInt(entry ->
                        entry.body() instanceof Body.File(String content) ? (content.length() + 4095) & ~4095 : 0)
                .sum();
        byte[] content = new byte[Math.floorMod(bytes - data, bytes)];
        new SplittableRandom(bytes).nextBytes(content);
        Attributes attributes = new Attributes(0600, 0, 0, new Timestamp(1, 0), Collections.emptySortedMap());
        Body body = new Body.File(new String(content, ISO_8859_1));
        List<LayerEntry> longer = new ArrayList<>();
        longer.add(new LayerEntry("bulk", "bulk", attributes, body, Encoding.PLAIN));
        longer.addAll(layer);
        return longer;
    }
}
