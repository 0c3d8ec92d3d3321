package io.lamina.images.oracle;

import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerEntry.Encoding;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Makes random stacks of layers that act on each other: few names, so that layers meet in them; everything that OCI
 * layers may hold; and only what has one meaning.
 *
 *
 */
public final class LayerStacks {
    /** For whom a stack is made. */
    public enum Judge {
        /** overlayfs over converted layers: anything. */
        OVERLAYFS,
        /**
         * umoci: without what it treats by its own rules, such as whiteouts of names that the same layer has; but with
         * paths through symbolic links of lower layers, which overlayfs cannot follow.
         */
        UMOCI
    }

    private static final int MAX_PATH_BYTES = 3_000;

    private final SplittableRandom random;
    private final RandomParts parts;
    private final Judge judge;
    private final double explicitParents;
    private final String prefix;
    private final ExpectedTree below = new ExpectedTree();

    // The layer that is being made.
    private final List<LayerEntry> entries = new ArrayList<>();
    private final Map<String, LayerEntry> present = new TreeMap<>();
    private final Set<String> directories = new HashSet<>();

    private final Set<String> hidden = new HashSet<>();
    private final Set<String> opaque = new HashSet<>();
    /** Lower layers' symbolic links that a path of this layer goes through, and where such paths really lead. */
    private final Set<String> followed = new HashSet<>();

    private LayerStacks(long seed, Judge judge) {
        this.random = new SplittableRandom(seed);
        this.parts = new RandomParts(random, judge);
        this.judge = judge;
        this.explicitParents = List.of(0.0, 0.3, 0.9, 1.0).get(random.nextInt(4));
        this.prefix = random.nextInt(3) == 0 ? "./" : "";
    }

    /** The stack that {@code seed} stands for; always the same one. */
    public static LayerStack generate(long seed, Judge judge) {
        LayerStacks stacks = new LayerStacks(seed, judge);
        int count = 1 + stacks.random.nextInt(stacks.random.nextInt(10) == 0 ? 12 : 5);
        return stacks.stack(seed, count);
    }

    /** A stack of so many layers. */
    public static LayerStack generate(long seed, Judge judge, int count) {
        return new LayerStacks(seed, judge).stack(seed, count);
    }

    private LayerStack stack(long seed, int count) {
        List<List<LayerEntry>> layers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<LayerEntry> layer = layer();
            layers.add(layer);
            below.apply(layer);
        }
        return new LayerStack(seed, layers);
    }

    private List<LayerEntry> layer() {
        entries.clear();
        present.clear();
        directories.clear();

        hidden.clear();
        opaque.clear();
        followed.clear();
        if (random.nextInt(2) == 0) {
            add("", new Body.Directory());
        }
        int wanted = random.nextInt(random.nextInt(20) == 0 ? 120 : 24);
        for (int i = 0; i < wanted; i++) {
            step();
        }
        describeSomeParentsLate();
        return List.copyOf(entries);
    }

    private void step() {
        if (judge == Judge.UMOCI && random.nextInt(5) == 0) {
            if (random.nextBoolean()) {
                linkToDirectory();
            } else {
                useLowerLink();
            }
            return;
        }
        int dice = random.nextInt(100);
        if (dice < 30) {
            create(newPath(), parts.file());
        } else if (dice < 42) {
            create(newPath(), new Body.Directory());
        } else if (dice < 50) {
            create(newPath(), parts.symbolicLink());
        } else if (dice < 59) {
            hardLink();
        } else if (dice < 64) {
            create(newPath(), parts.special());
        } else if (dice < 79) {
            whiteout();
        } else if (dice < 84) {
            opaque();
        } else if (dice < 93) {
            replaceLower();
        } else if (dice < 94) {
            crowd();
        } else {
            repeat();
        }
    }

    private String newPath() {
        String parent = parent();
        String path = child(parent, parts.name());
        if (random.nextInt(6) == 0) {
            path = child(path, parts.name());
        }
        if (random.nextInt(40) == 0) {
            for (int depth = 5 + random.nextInt(30); depth > 0; depth--) {
                path = child(path, parts.shortName());
            }
        }
        return path;
    }

    private String parent() {
        List<String> candidates = new ArrayList<>(below.directories());
        candidates.addAll(directories.stream().sorted().toList());
        return candidates.get(random.nextInt(candidates.size()));
    }

    private void replaceLower() {
        List<String> paths = below.paths();
        if (!paths.isEmpty()) {
            Body body = switch (random.nextInt(5)) {
                case 0 -> new Body.Directory();
                case 1 -> parts.symbolicLink();
                case 2 -> parts.special();
                default -> parts.file();
            };
            create(paths.get(random.nextInt(paths.size())), body);
        }
    }

    /** Many names in one directory, so that it needs several blocks. */
    private void crowd() {
        if (random.nextInt(8) != 0) {
            return;
        }
        String directory = parent();
        String stem = random.nextBoolean() ? "" : "m".repeat(random.nextInt(250));
        for (int i = 20 + random.nextInt(300); i > 0; i--) {
            create(child(directory, stem + random.nextInt(10_000)), new Body.File(""));
        }
    }

    private void repeat() {
        if (!present.isEmpty()) {
            List<String> paths = List.copyOf(present.keySet());
            String path = paths.get(random.nextInt(paths.size()));
            create(path, present.get(path).body() instanceof Body.Directory ? new Body.Directory() : parts.file());
        }
    }

    private void hardLink() {
        List<String> targets = present.values().stream()
                .filter(entry -> !(entry.body() instanceof Body.Directory))
                .map(LayerEntry::path)
                .sorted()
                .toList();
        if (targets.isEmpty()) {
            return;
        }
        // The path in the map may be a link's own; then the link goes to the same inode.
        String target = targets.get(random.nextInt(targets.size()));
        String path = newPath();
        if (!path.equals(target)) {
            create(path, new Body.HardLink(target, prefix + target));
        }
    }

    private void create(String path, Body body) {
        if (!usable(path, body)) {
            return;
        }
        String link = judge == Judge.UMOCI && random.nextInt(4) == 0 ? lowerLinkTo(path, body) : null;
        if (link != null) {
            followed.add(path);
            followed.add(link);
            addThrough(link, path, body);
            return;
        }
        parents(path);
        if (body instanceof Body.HardLink(String target, String _) && !present.containsKey(target)) {
            return;
        }
        add(path, body);
    }

    /** Whether an entry at {@code path} has one meaning. */
    private boolean usable(String path, Body body) {
        if (path.length() > MAX_PATH_BYTES || path.isEmpty()) {
            return false;
        }
        boolean directory = body instanceof Body.Directory;

        if (!directory && directories.contains(path) && (judge == Judge.UMOCI || random.nextInt(4) != 0)) {
            return false;
        }
        if (judge == Judge.UMOCI && (hidden.contains(path) || followed.contains(path))) {
            return false;
        }
        return usableParents(path, false);
    }

    /** Whether all above {@code path} are directories or can become ones. */
    private boolean usableParents(String path, boolean mustExist) {
        for (int slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
            String ancestor = path.substring(0, slash);
            if (directories.contains(ancestor)) {
                continue;
            }
            Body lower = below.at(ancestor);
            boolean fits = switch (lower) {
                case null -> !mustExist;
                case Body.Directory _ -> true;
                case Body.SymbolicLink _ -> false;
                default -> judge == Judge.OVERLAYFS && !mustExist;
            };
            if (present.containsKey(ancestor)
                    || !fits
                    || (judge == Judge.UMOCI && hidden.contains(ancestor))
                    || followed.contains(ancestor)) {
                return false;
            }
        }
        return true;
    }

    /** Adds some of the directories above {@code path}, and notes all of them. */
    private void parents(String path) {
        for (int slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
            String ancestor = path.substring(0, slash);
            // umoci changes the time of the directory in which it invents another one.
            boolean invented = judge == Judge.UMOCI
                    && (!(below.at(ancestor) instanceof Body.Directory)
                            || opaque.stream().anyMatch(above(ancestor)));
            if (!directories.contains(ancestor) && (invented || random.nextDouble() < explicitParents)) {
                add(ancestor, new Body.Directory());
            }
            directories.add(ancestor);
        }
    }

    private void linkToDirectory() {
        String directory = parent();
        if (!directory.isEmpty()) {
            String name = directory.substring(directory.lastIndexOf('/') + 1);
            create(child(parentOf(directory), parts.name()), new Body.SymbolicLink(name));
        }
    }

    private void useLowerLink() {
        List<String> targets = below.paths().stream()
                .filter(link -> below.at(link) instanceof Body.SymbolicLink(String target)
                        && !target.contains("/")
                        && below.at(child(parentOf(link), target)) instanceof Body.Directory)
                .map(link -> child(parentOf(link), ((Body.SymbolicLink) below.at(link)).target()))
                .toList();
        if (targets.isEmpty()) {
            return;
        }
        String directory = targets.get(random.nextInt(targets.size()));
        List<String> inside = below.directories().stream()
                .filter(other -> other.equals(directory) || other.startsWith(directory + "/"))
                .toList();
        String path = child(inside.get(random.nextInt(inside.size())), parts.name());
        Body body = parts.file();
        String link = usable(path, body) ? lowerLinkTo(path, body) : null;
        if (link != null) {
            followed.add(path);
            followed.add(link);
            addThrough(link, path, body);
        }
    }

    /** A symbolic link of the layers below through which {@code path} can be reached, or {@code null}. */
    private String lowerLinkTo(String path, Body body) {
        if (!(body instanceof Body.File) || present.containsKey(path) || below.at(path) instanceof Body.Directory) {
            return null;
        }
        for (String link : below.paths()) {
            if (below.at(link) instanceof Body.SymbolicLink(String target)
                    && !target.contains("/")
                    && !target.startsWith(".")
                    && !present.containsKey(link)
                    && !directories.contains(link)
                    && !hidden.contains(link)
                    && opaque.stream().noneMatch(above(link))) {
                String directory = child(parentOf(link), target);
                boolean inLower = below.at(parentOf(path)) instanceof Body.Directory;
                if (inLower
                        && path.startsWith(directory + "/")
                        && opaque.stream().noneMatch(above(path))) {
                    return link;
                }
            }
        }
        return null;
    }

    /** Adds a file by a path that the layer itself does not explain: its directories are links of the layers below. */
    private void addThrough(String link, String path, Body body) {
        String directory = child(parentOf(link), ((Body.SymbolicLink) below.at(link)).target());
        for (int slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
            directories.add(path.substring(0, slash));
        }
        Attributes attributes = parts.attributes(body);
        String written = parts.written(prefix, link + path.substring(directory.length()), body);
        entries.add(new LayerEntry(path, written, attributes, body, parts.encoding(body, attributes)));
    }

    private void add(String path, Body body) {
        LayerEntry original = body instanceof Body.HardLink(String target, String _) ? present.get(target) : null;
        Attributes attributes = original == null ? parts.attributes(body) : parts.linkAttributes(original);
        Encoding encoding = parts.encoding(body, attributes);
        String written = parts.written(prefix, detour(path), body);
        LayerEntry entry = new LayerEntry(path, written, attributes, body, encoding);
        entries.add(entry);
        if (body instanceof Body.Directory) {
            directories.add(path);
            if (!path.isEmpty()) {
                present.put(path, entry);
            }
        } else {

            if (directories.remove(path)) {
                present.keySet().removeIf(other -> other.startsWith(path + "/"));
                directories.removeIf(other -> other.startsWith(path + "/"));
            }
            present.put(path, entry);
        }
    }

    /** Sometimes the same place by another way: through a symbolic link of the layer, or down and up again. */
    private String detour(String path) {
        if (random.nextInt(10) != 0) {
            return path;
        }
        for (LayerEntry link : present.values()) {
            if (link.body() instanceof Body.SymbolicLink(String target)
                    && !target.contains("/")
                    && !target.equals("..")) {
                String directory = child(link.parent(), target);
                if (path.startsWith(directory + "/") && directories.contains(directory)) {
                    return link.path() + path.substring(directory.length());
                }
            }
        }
        String parent = parentOf(path);
        if (judge == Judge.UMOCI || parent.isEmpty() || random.nextInt(4) != 0) {
            return path;
        }
        String above = parentOf(parent);
        return parent + "/../" + path.substring(above.isEmpty() ? 0 : above.length() + 1);
    }

    private void whiteout() {
        List<String> lower = below.paths();
        boolean something = !lower.isEmpty() && random.nextInt(8) != 0;
        String path = something ? lower.get(random.nextInt(lower.size())) : child(parent(), parts.shortName());
        String name = LayerEntry.WHITEOUT_PREFIX + path.substring(path.lastIndexOf('/') + 1);
        if (name.length() > 255) {
            return;
        }
        if (judge == Judge.UMOCI
                && (present.containsKey(path) || directories.contains(path) || followed.contains(path))) {
            return;
        }
        if (judge == Judge.OVERLAYFS && present.keySet().stream().anyMatch(other -> isBelowFile(path, other))) {
            // umoci writes these when a file takes a directory's place.
            addMark(parentOf(path), name);
            return;
        }
        if (usableParents(path, judge == Judge.UMOCI) && (!present.containsKey(path) || random.nextInt(3) == 0)) {
            hidden.add(path);
            mark(parentOf(path), name);
        }
    }

    private boolean isBelowFile(String path, String other) {
        return path.startsWith(other + "/") && !(present.get(other).body() instanceof Body.Directory);
    }

    private void opaque() {
        String directory = random.nextInt(20) == 0 ? "" : parent();
        if (directory.isEmpty() && random.nextInt(4) != 0) {
            return;
        }
        // umoci empties directories below as well, and leaves them with the time of that.
        boolean usedBelow = directories.stream().anyMatch(other -> above(other).test(directory));
        if (judge == Judge.UMOCI
                && (usedBelow || followed.stream().anyMatch(path -> above(path).test(directory)))) {
            return;
        }
        if (usableParents(child(directory, "x"), judge == Judge.UMOCI)) {
            opaque.add(directory);
            mark(directory, LayerEntry.OPAQUE_WHITEOUT);
        }
        if (judge == Judge.OVERLAYFS && random.nextInt(10) == 0) {
            mark("", List.of(".wh..wh.aufs", ".wh..wh.orph").get(random.nextInt(2)));
        }
    }

    private void mark(String directory, String name) {
        String path = child(directory, name);
        parents(path);
        addMark(directory, name);
    }

    private void addMark(String directory, String name) {
        String path = child(directory, name);
        Body body = new Body.File("");
        Attributes attributes = parts.plainAttributes();
        entries.add(new LayerEntry(path, parts.written(prefix, path, body), attributes, body, Encoding.PLAIN));
    }

    /** A tar may have a directory's entry behind those of its children. */
    private void describeSomeParentsLate() {
        for (String directory : directories.stream().sorted().toList()) {
            boolean implied = !present.containsKey(directory) && !directory.isEmpty();
            if (implied && random.nextInt(6) == 0) {
                add(directory, new Body.Directory());
            }
        }
    }

    private static String child(String directory, String name) {
        return directory.isEmpty() ? name : directory + "/" + name;
    }

    private static Predicate<String> above(String path) {
        return directory -> !path.isEmpty() && (directory.isEmpty() || path.startsWith(directory + "/"));
    }

    private static String parentOf(String path) {
        int slash = path.lastIndexOf('/');
        return slash < 0 ? "" : path.substring(0, slash);
    }
}
