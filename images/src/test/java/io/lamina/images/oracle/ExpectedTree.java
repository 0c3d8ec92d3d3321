package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.images.oci.Digest;
import io.lamina.images.oracle.LayerEntry.Attributes;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.linux.FileStatus.DeviceNumber;
import io.lamina.linux.FileStatus.Timestamp;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What layers give when they are applied one after the other (OCI image-spec, layer.md), in plain maps: slow, small and
 * without a file system, so that nothing of the engine or the kernel is in it.
 *
 * <p>Where the specification is silent: a directory that a layer only implies keeps what the layers below say of it,
 * and is 0755, 0:0, from 1970 if they say nothing; whiteouts act on the layers below wherever they stand in the tar; an
 * opaque mark empties a directory and leaves its metadata; a whiteout below what the same layer makes a file says
 * nothing, and a directory that takes a file's place in its own layer is a new one; a hard link's own attributes mean nothing.
 */
public final class ExpectedTree {
    private static final Attributes INVENTED =
            new Attributes(0755, 0, 0, new Timestamp(0, 0), Collections.emptySortedMap());
    /** Attributes that steer the stacking of layers, which no layer may set. */
    private static final List<String> STEERING = List.of("trusted.overlay.", "user.overlay.", "trusted.lamina.");

    /** What Linux stores; tars of other systems hold more. */
    private static final List<String> STORED =
            List.of("user.", "trusted.", "security.", "system.posix_acl_access", "system.posix_acl_default");

    private Node root = Node.implied();

    /** An inode; two names of one node are hard links. */
    private static final class Node {
        Attributes attributes = INVENTED;
        Body body = new Body.Directory();
        SortedMap<String, Node> children = new TreeMap<>();
        /** The topmost layer that has this directory has no entry for it. */
        boolean implied;
        /** It took a file's place in its layer, and that file had removed what lower layers have here. */
        boolean hidesLower;
        /** No layer has an entry for this directory. */
        boolean invented;

        static Node implied() {
            Node node = new Node();
            node.implied = true;
            node.invented = true;
            return node;
        }

        boolean isDirectory() {
            return body instanceof Body.Directory;
        }
    }

    /** Applies the next layer. */
    public void apply(List<LayerEntry> layer) {
        for (LayerEntry entry : layer) {
            hideBelow(entry);
        }
        Node upper = Node.implied();
        for (LayerEntry entry : layer) {
            extract(upper, entry);
        }
        root = merged(root, upper);
    }

    private void hideBelow(LayerEntry entry) {
        String name = entry.name();
        if (isAufsLeftover(name)) {
            return;
        }
        Node directory = find(root, entry.parent());
        if (directory == null || !directory.isDirectory()) {
            return;
        }
        if (name.equals(LayerEntry.OPAQUE_WHITEOUT)) {
            directory.children.clear();
        } else if (isWhiteout(name)) {
            directory.children.remove(name.substring(LayerEntry.WHITEOUT_PREFIX.length()));
        }
    }

    private static boolean isWhiteout(String name) {
        return name.startsWith(LayerEntry.WHITEOUT_PREFIX);
    }

    /** What AUFS kept for itself in a branch; such a name is no whiteout of anything. */
    private static boolean isAufsLeftover(String name) {
        return name.startsWith(".wh..wh.") && !name.equals(LayerEntry.OPAQUE_WHITEOUT);
    }

    private static void extract(Node layer, LayerEntry entry) {
        if (entry.path().isEmpty()) {
            describe(layer, entry);
            return;
        }
        Node directory = layer;
        for (String name : components(entry.parent())) {
            directory = directory.children.computeIfAbsent(name, _ -> Node.implied());
            if (!directory.isDirectory() && isWhiteout(entry.name())) {
                return;
            }
            if (!directory.isDirectory()) {
                throw new IllegalArgumentException("the stack goes through what is no directory: " + entry);
            }
        }
        if (isWhiteout(entry.name())) {
            return;
        }
        if (entry.body() instanceof Body.HardLink(String target, String _)) {
            Node inode = find(layer, target);
            if (inode == null || inode.isDirectory()) {
                throw new IllegalArgumentException("the stack links to what is no file of the layer: " + entry);
            }
            directory.children.put(entry.name(), inode);
            return;
        }
        Node present = directory.children.get(entry.name());
        boolean keepsChildren = entry.body() instanceof Body.Directory && present != null && present.isDirectory();
        Node node = keepsChildren ? present : new Node();
        node.hidesLower |= present != null && !present.isDirectory();
        describe(node, entry);
        directory.children.put(entry.name(), node);
    }

    private static void describe(Node node, LayerEntry entry) {
        SortedMap<String, byte[]> xattrs = new TreeMap<>(entry.attributes().xattrs());
        xattrs.keySet()
                .removeIf(name -> STEERING.stream().anyMatch(name::startsWith)
                        || STORED.stream().noneMatch(name::startsWith));
        Attributes given = entry.attributes();
        node.attributes = new Attributes(given.permissions(), given.uid(), given.gid(), given.modified(), xattrs);
        node.body = entry.body();
        node.implied = false;
        node.invented = false;
    }

    private static Node merged(Node lower, Node upper) {
        if (!lower.isDirectory() || !upper.isDirectory() || upper.hidesLower) {
            return upper;
        }
        if (upper.implied) {
            upper.attributes = lower.attributes;
            upper.invented = lower.invented;
        }
        lower.children.forEach(
                (name, child) -> upper.children.merge(name, child, (above, below) -> merged(below, above)));
        return upper;
    }

    private static Node find(Node from, String path) {
        Node node = from;
        for (String name : components(path)) {
            node = node.children.get(name);
            if (node == null) {
                return null;
            }
        }
        return node;
    }

    private static List<String> components(String path) {
        return path.isEmpty() ? List.of() : List.of(path.split("/"));
    }

    /** The type at {@code path}, or {@code null} when nothing is there. */
    public Body at(String path) {
        Node node = find(root, path);
        return node == null ? null : node.body;
    }

    /** The paths of all directories, the root's empty one among them. */
    public List<String> directories() {
        List<String> paths = new ArrayList<>();
        walk("", root, (path, node) -> {
            if (node.isDirectory()) {
                paths.add(path);
            }
        });
        return paths;
    }

    /** The paths of all entries but the root. */
    public List<String> paths() {
        List<String> paths = new ArrayList<>();
        walk("", root, (path, _) -> paths.add(path));
        paths.remove("");
        return paths;
    }

    /** The directories whose topmost layer has no entry for them. */
    public Set<String> implied() {
        return directories(true);
    }

    /** The directories that no layer has an entry for. */
    public Set<String> invented() {
        return directories(false);
    }

    private Set<String> directories(boolean implied) {
        Set<String> paths = new TreeSet<>();
        walk("", root, (path, node) -> {
            if (implied ? node.implied : node.invented) {
                paths.add(path);
            }
        });
        return paths;
    }

    /** The tree as a listing; a directory's size is 0 in it. */
    public TreeListing listing() {
        IdentityHashMap<Node, SortedSet<String>> groups = new IdentityHashMap<>();
        walk(
                "",
                root,
                (path, node) ->
                        groups.computeIfAbsent(node, _ -> new TreeSet<>()).add(path));
        SortedMap<String, TreeEntry> entries = new TreeMap<>();
        walk("", root, (path, node) -> entries.put(path, entry(node, groups.get(node))));
        return new TreeListing(entries, Collections.emptySortedSet());
    }

    private static TreeEntry entry(Node node, SortedSet<String> group) {
        Attributes attributes = node.attributes;
        SortedMap<String, String> xattrs = new TreeMap<>();
        attributes
                .xattrs()
                .forEach((name, value) -> xattrs.put(name, HexFormat.of().formatHex(value)));
        boolean symlink = node.body instanceof Body.SymbolicLink;
        byte[] content = node.body instanceof Body.File file ? file.bytes() : null;
        String target = node.body instanceof Body.SymbolicLink(String text) ? text : "";
        long subdirectories =
                node.children.values().stream().filter(Node::isDirectory).count();
        return new TreeEntry(
                typeName(node.body),
                symlink ? 0777 : attributes.permissions(),
                attributes.uid(),
                attributes.gid(),
                attributes.modified(),
                content != null ? content.length : target.getBytes(ISO_8859_1).length,
                node.body instanceof Body.Device(boolean _, DeviceNumber number) ? number : new DeviceNumber(0, 0),
                node.isDirectory() ? 2 + subdirectories : group.size(),
                group,
                target,
                xattrs,
                content == null ? "" : Digest.ofContent(content).hex());
    }

    private static String typeName(Body body) {
        return switch (body) {
            case Body.File _ -> "file";
            case Body.Directory _ -> "directory";
            case Body.SymbolicLink _ -> "symlink";
            case Body.Device(boolean block, DeviceNumber _) -> block ? "block device" : "character device";
            case Body.Fifo _ -> "fifo";
            case Body.HardLink _ -> throw new IllegalStateException("a hard link is no inode");
        };
    }

    private interface Visitor {
        void visit(String path, Node node);
    }

    private static void walk(String path, Node node, Visitor visitor) {
        visitor.visit(path, node);
        String prefix = path.isEmpty() ? "" : path + "/";
        node.children.forEach((name, child) -> walk(prefix + name, child, visitor));
    }
}
