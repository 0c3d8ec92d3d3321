package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.Directory;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Owner;
import io.lamina.images.erofs.Timestamp;
import io.lamina.images.erofs.TreeInode;
import io.lamina.images.erofs.Xattr;
import io.lamina.images.erofs.Xattrs;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tree that a layer's entries make, as a sequential unpacking would leave it: a later entry replaces an earlier one
 * of its name, a directory over a directory keeps the children. Whiteouts (OCI image-spec v1.1, layer.md,
 * "Representing Changes") are kept apart, since they act on lower layers only, wherever in the tar they stand.
 */
final class LayerTree {
    private static final Attributes IMPLIED_DIRECTORY = new Attributes(
            FileType.DIRECTORY.modeBits() | 0755, Owner.ROOT, Timestamp.EPOCH, Xattrs.of(List.of(LayerXattrs.IMPLIED)));
    private static final Attributes WHITEOUT =
            new Attributes(FileType.CHARACTER_DEVICE.modeBits(), Owner.ROOT, Timestamp.EPOCH, Xattrs.NONE);

    private final TreeInode root = impliedDirectory();
    /** What AUFS left in a layer: no part of the tree, but old layers have hard links into it. */
    private final TreeInode leftovers = impliedDirectory();

    private final Set<TreeInode> opaque = Collections.newSetFromMap(new IdentityHashMap<>());
    private final PathWalk walk = new PathWalk(LayerTree::impliedDirectory);

    private static TreeInode impliedDirectory() {
        return new TreeInode(IMPLIED_DIRECTORY, new Content.Entries(new Directory()));
    }

    /** Adds a file, a directory, a link or a whiteout. */
    void add(TarEntry entry, LayerPath path, @Nullable Content content) throws CorruptImageException {
        switch (path.kind()) {
            case OPAQUE_MARK, WHITEOUT -> addWhiteout(entry, path);
            case ROOT -> {
                if (!(entry.body() instanceof TarEntry.DirectoryNode)) {
                    throw entry.corrupt("the root of the layer is no directory");
                }
                root.setAttributes(entry.attributes());
            }
            case ORDINARY -> addOrdinary(entry, walk.parent(root, path, entry), path, content);
            case AUFS_LEFTOVER -> addOrdinary(entry, walk.parent(leftovers, path, entry), path, content);
        }
    }

    /** Below a file or a symbolic link of this layer, which hides all of the lower layers, a whiteout means nothing. */
    private void addWhiteout(TarEntry entry, LayerPath path) throws CorruptImageException {
        TreeInode parent = walk.directParent(root, path, entry);
        if (parent == null) {
            return;
        }
        if (path.kind() == LayerPath.Kind.OPAQUE_MARK) {
            opaque.add(parent);
        } else {
            childOf(parent, path.name()).markWhiteout();
        }
    }

    private static Directory.Entry childOf(TreeInode parent, byte[] name) {
        return ((Content.Entries) parent.content()).directory().findOrAdd(name);
    }

    private void addOrdinary(TarEntry entry, TreeInode parent, LayerPath path, @Nullable Content content)
            throws CorruptImageException {
        TreeInode linked = entry.body() instanceof TarEntry.HardLink link ? linkTarget(entry, link) : null;
        Directory.Entry child = childOf(parent, path.name());
        TreeInode old = child.inode();
        if (old != null && old.content() instanceof Content.Entries && content instanceof Content.Entries) {
            old.setAttributes(entry.attributes());
            return;
        }
        if (old != null) {
            walk.forget();
            if (content instanceof Content.Entries) {
                // Unpacking has removed a lower layer's directory of this name when it made what is replaced now.
                child.markWhiteout();
            }
        }
        child.setInode(linked != null ? linked : newInode(entry, content));
    }

    private static TreeInode newInode(TarEntry entry, @Nullable Content content) {
        return new TreeInode(entry.attributes(), content == null ? Content.Nothing.INSTANCE : content);
    }

    private TreeInode linkTarget(TarEntry entry, TarEntry.HardLink link) throws CorruptImageException {
        LayerPath path = LayerPath.of(entry, link.target());
        TreeInode start = path.kind() == LayerPath.Kind.AUFS_LEFTOVER ? leftovers : root;
        TreeInode found = switch (path.kind()) {
            case ORDINARY, AUFS_LEFTOVER -> walk.find(start, path, entry);
            case ROOT -> root;
            case WHITEOUT, OPAQUE_MARK -> null;
        };
        if (found == null) {
            throw entry.corrupt("hard link to " + link.target() + ", which is not in this layer");
        }
        if (found.content() instanceof Content.Entries) {
            throw entry.corrupt("hard link to " + link.target() + ", which is a directory");
        }
        return found;
    }

    /** Turns whiteouts and opaque marks into what overlayfs knows, and gives the root. No entry may follow. */
    TreeInode finish() {
        if (opaque.contains(root)) {
            mark(root, LayerXattrs.OPAQUE);
        }
        ArrayDeque<TreeInode> directories = new ArrayDeque<>();
        directories.add(root);
        while (!directories.isEmpty()) {
            TreeInode inode = directories.remove();
            if (finishChildren(((Content.Entries) inode.content()).directory(), directories)) {
                mark(inode, LayerXattrs.ORIGIN);
            }
        }
        return root;
    }

    /** @return whether the directory holds whiteouts */
    private boolean finishChildren(Directory directory, ArrayDeque<TreeInode> directories) {
        boolean whiteouts = false;
        for (int i = 0; i < directory.count(); i++) {
            Directory.Entry child = directory.entry(i);
            TreeInode inode = child.inode();
            if (inode == null && child.whiteout()) {
                child.setInode(new TreeInode(WHITEOUT, Content.Device.WHITEOUT));
                whiteouts = true;
            } else if (inode != null && inode.content() instanceof Content.Entries) {
                finishDirectory(child, inode);
                directories.add(inode);
            }
        }
        return whiteouts;
    }

    private void finishDirectory(Directory.Entry child, TreeInode inode) {
        if (child.whiteout()) {
            // The lower directory is gone, and with it the attributes that an implied one would take over.
            inode.setAttributes(
                    inode.attributes().withXattrs(inode.attributes().xattrs().without(LayerXattrs.IMPLIED::equals)));
        }
        if (child.whiteout() || opaque.contains(inode)) {
            mark(inode, LayerXattrs.OPAQUE);
        }
    }

    private static void mark(TreeInode inode, Xattr attribute) {
        Attributes attributes = inode.attributes();
        inode.setAttributes(attributes.withXattrs(attributes.xattrs().with(attribute)));
    }

    /** Whether {@code name} starts with {@code prefix}. */
    static boolean startsWith(byte[] name, byte[] prefix) {
        return name.length >= prefix.length && Arrays.equals(name, 0, prefix.length, prefix, 0, prefix.length);
    }
}
