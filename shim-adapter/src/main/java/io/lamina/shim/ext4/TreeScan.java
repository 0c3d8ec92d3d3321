package io.lamina.shim.ext4;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.WalkBudget;
import io.lamina.images.erofs.Xattr;
import io.lamina.images.layer.LayerXattrs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a whole tree and numbers its inodes: the root first, then each directory's entries in their order, before those
 * of its subdirectories.
 */
final class TreeScan {
    private final ErofsImage image;
    private final WalkBudget walk;
    private final List<Node> nodes = new ArrayList<>();
    private final Map<Node, Node> parents = new HashMap<>();
    private final Map<Long, Node> linked = new HashMap<>();
    private final Map<ByteBuffer, ValueInode> values = new LinkedHashMap<>();
    private final byte[] uuid;

    private TreeScan(ErofsImage image, byte[] uuid) {
        this.image = image;
        this.uuid = uuid;
        this.walk = new WalkBudget(image);
    }

    /**
     * A tree.
     *
     * @param nodes the root first; then by number, from {@link Ext4Layout#FIRST_INODE} on
     * @param parents the parent of each directory, the root's being itself
     * @param values of attributes that have an inode of their own; their numbers follow
     */
    record Tree(List<Node> nodes, Map<Node, Node> parents, List<ValueInode> values) {
        Node root() {
            return nodes.getFirst();
        }

        /** The largest number in use. */
        int usedInodes() {
            return Math.max(nodes.getLast().number(), Ext4Layout.FIRST_INODE - 1) + values.size();
        }
    }

    /**
     * Reads the tree of {@code image}.
     *
     * @param uuid the new file system's
     * @throws CorruptImageException if the image contradicts itself
     * @throws UnsupportedImageException if it holds what ext4 cannot
     */
    static Tree of(ErofsImage image, byte[] uuid) throws IOException {
        TreeScan scan = new TreeScan(image, uuid);
        Inode rootInode = image.root();
        scan.walk.spend(rootInode);
        Node root = scan.node(rootInode, Ext4Layout.ROOT_INODE);
        scan.parents.put(root, root);
        ArrayDeque<Node> directories = new ArrayDeque<>(List.of(root));
        Node directory;
        while ((directory = directories.poll()) != null) {
            scan.directory(directory, directories);
        }
        Tree tree = new Tree(List.copyOf(scan.nodes), scan.parents, List.copyOf(scan.values.values()));
        int number = tree.usedInodes() - tree.values.size();
        for (ValueInode value : tree.values) {
            value.numbered(++number);
        }
        return tree;
    }

    private void directory(Node directory, ArrayDeque<Node> directories) throws IOException {
        DirentCursor entries = image.entries(directory.inode(), walk);
        while (entries.next()) {
            Node known = linked.get(entries.nid());
            Node node = known == null ? add(entries.nid()) : known;
            directory.entries().add(new DirectoryBlocks.Entry(entries.name(), node));
            if (node.type() == FileType.DIRECTORY) {
                directory.addName();
                parents.put(node, directory);
                directories.add(node);
            } else {
                node.addName();
            }
            if (node.links() > InodeWriter.MAX_LINKS) {
                throw new UnsupportedImageException(
                        image.name(), "a file with more than " + InodeWriter.MAX_LINKS + " names cannot be in ext4");
            }
        }
    }

    private Node add(long nid) throws IOException {
        Inode inode = image.inode(nid);
        walk.spend(inode);
        Node node = node(inode, Ext4Layout.FIRST_INODE + nodes.size() - 1);
        if (inode.type() != FileType.DIRECTORY && inode.links() > 1) {
            linked.put(nid, node);
        }
        return node;
    }

    private Node node(Inode inode, int number) throws IOException {
        String where = image.name() + ": inode " + inode.place().nid();
        List<Attribute> attributes = new ArrayList<>();
        for (Xattr xattr : image.xattrs(inode).sorted()) {
            if (!LayerXattrs.isStacking(xattr.fullName())) {
                attributes.add(Attribute.of(where, xattr));
            }
        }
        Collections.sort(attributes);
        moveLongValues(where, attributes);
        byte[] target = inode.type() == FileType.SYMLINK ? image.symlinkTarget(inode) : new byte[0];
        Node node = new Node(inode, number, attributes, target);
        nodes.add(node);
        return node;
    }

    /** Gives the longest values inodes of their own, until the rest fits. */
    private void moveLongValues(String where, List<Attribute> attributes) throws UnsupportedImageException {
        while (!AttributeArea.fitsInode(attributes) && !AttributeArea.fitsBlock(attributes)) {
            Attribute longest = Collections.max(attributes, Comparator.comparingInt(Attribute::valueBytes));
            if (longest.valueBytes() == 0) {
                throw new UnsupportedImageException(where, "the names of its attributes do not fit one block of ext4");
            }
            ValueInode inode = values.computeIfAbsent(
                    ByteBuffer.wrap(longest.value()), _ -> new ValueInode(longest.value(), uuid));
            inode.share();
            attributes.set(attributes.indexOf(longest), longest.withValueIn(inode));
        }
    }
}
