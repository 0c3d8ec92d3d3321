package io.lamina.images.merge;

import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.Xattrs;
import io.lamina.images.layer.LayerXattrs;
import java.io.IOException;
import java.util.List;

/** What the layers that have a name make of it, topmost first. */
sealed interface Resolution {
    /** An entry that a layer has for a name. */
    record Found(MergeLayer layer, Inode inode) {}

    /** Nothing: a whiteout is on top. */
    record Hidden() implements Resolution {}

    /** A file of one layer. */
    record File(MergeLayer layer, Inode inode) implements Resolution {}

    /** A directory. */
    record Stacked(DirectoryStack stack) implements Resolution {}

    /**
     * A symbolic link of a lower layer, above which there are only directories that tars imply. Unpacking would have
     * followed the link and left it as it is.
     */
    record ThroughLink(DirectoryStack above, MergeLayer layer, Inode link) implements Resolution {}

    /** What the name is, from at least one entry. */
    static Resolution of(List<Found> topFirst) throws IOException {
        Found top = topFirst.getFirst();
        if (top.inode().type() != FileType.DIRECTORY) {
            return MergeLayer.isWhiteout(top.inode()) ? new Hidden() : new File(top.layer(), top.inode());
        }
        DirectoryStack stack = new DirectoryStack();
        for (Found found : topFirst) {
            if (found.inode().type() == FileType.SYMLINK && stack.isImplied()) {
                return new ThroughLink(stack, found.layer(), found.inode());
            }
            if (!stack.add(found.layer(), found.inode())) {
                break;
            }
        }
        return new Stacked(stack);
    }

    /** Whether a tar has implied a directory. */
    static boolean isImplied(Xattrs xattrs) {
        return xattrs.sorted().contains(LayerXattrs.IMPLIED);
    }
}
