package io.lamina.images.layer;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes the OCI layer that turns one tree into another (OCI image-spec v1.1, layer.md, "Representing Changes"): what is
 * new or changed, with the directories on the way to it, and a whiteout for what is gone. Depth first, in a directory
 * whiteouts first and then names in the order of their bytes; the same trees give the same bytes.
 *
 * <p>Both trees count as complete: whiteouts and opaque marks in them hide nothing, for they lie over nothing, and are
 * left out. An implied directory has no attributes that could differ.
 */
public final class LayerDiff {
    private static final byte[] SLASH = {'/'};

    private final TreePair trees;
    private final LinkGroups groups;
    private final EntryWriter entries;
    private final ArrayDeque<Level> levels = new ArrayDeque<>();
    /** The first path written of each file of several names. */
    private final Map<Long, byte[]> written = new HashMap<>();

    /** A directory of the upper tree on the way down. */
    private static final class Level {
        private final byte[] path;
        private final Inode upper;
        private final TreePair.Pairs pairs;
        private boolean told;

        Level(byte[] path, Inode upper, TreePair.Pairs pairs, boolean told) {
            this.path = path;
            this.upper = upper;
            this.pairs = pairs;
            this.told = told;
        }
    }

    private LayerDiff(TreePair trees, LinkGroups groups, EntryWriter entries) {
        this.trees = trees;
        this.groups = groups;
        this.entries = entries;
    }

    /**
     * Writes the layer.
     *
     * @param lower the tree that the layer will lie on
     * @param upper the tree that shall be seen
     * @param out takes the tar; means nothing after an exception; flushed, not closed
     * @throws io.lamina.images.UnsupportedImageException if {@code upper} holds what no OCI layer can say
     */
    public static void write(ErofsImage lower, ErofsImage upper, OutputStream out) throws IOException {
        LinkGroups groups = LinkGroups.of(new TreePair(lower, upper));
        TreePair trees = new TreePair(lower, upper);
        LayerDiff diff = new LayerDiff(trees, groups, new EntryWriter(upper, new TarOutput(out)));
        Inode lowerRoot = lower.root();
        Inode upperRoot = upper.root();
        diff.enter(new byte[0], lowerRoot, upperRoot, !trees.sameDirectory(lowerRoot, upperRoot));
        diff.walk();
        diff.entries.finish();
    }

    private void walk() throws IOException {
        Level level;
        while ((level = levels.peek()) != null) {
            if (!level.pairs.next()) {
                levels.pop();
                continue;
            }
            Inode upper = level.pairs.upper();
            if (upper == null) {
                continue; // told by the whiteouts of its directory
            }
            byte[] path = EntryWriter.joined(level.path, level.pairs.name());
            entries.checkName(level.pairs.name(), path);
            Inode lower = level.pairs.lower();
            if (upper.type() == FileType.DIRECTORY) {
                boolean both = lower != null && lower.type() == FileType.DIRECTORY;
                boolean changed = lower == null ? !trees.isImplied(upper) : !both || !trees.sameDirectory(lower, upper);
                enter(EntryWriter.joined(path, SLASH), both ? lower : null, upper, changed);
            } else if (isChanged(lower, upper)) {
                tellDirectories();
                file(upper, path);
            }
        }
    }

    private boolean isChanged(@Nullable Inode lower, Inode upper) throws IOException {
        return groups.isTracked(lower, upper) ? groups.isChanged(upper) : !trees.sameFile(lower, upper);
    }

    private void enter(byte[] path, @Nullable Inode lower, Inode upper, boolean changed) throws IOException {
        levels.push(new Level(path, upper, trees.pairs(lower, upper), false));
        if (changed) {
            tellDirectories();
        }
        if (lower != null) {
            whiteouts(path, lower, upper);
        }
    }

    /** A mark that hides all is shorter than several whiteouts, where nothing of the lower directory stays. */
    private void whiteouts(byte[] path, Inode lower, Inode upper) throws IOException {
        int gone = 0;
        int kept = 0;
        TreePair.Pairs counting = trees.pairsAgain(lower, upper);
        while (counting.next()) {
            if (counting.lower() != null) {
                gone += counting.upper() == null ? 1 : 0;
                kept += counting.upper() == null ? 0 : 1;
            }
        }
        if (gone == 0) {
            return;
        }
        tellDirectories();
        if (kept == 0 && gone > 1) {
            entries.mark(EntryWriter.joined(path, EntryWriter.OPAQUE_NAME));
            return;
        }
        TreePair.Pairs pairs = trees.pairsAgain(lower, upper);
        while (pairs.next()) {
            if (pairs.upper() == null && pairs.lower() != null) {
                entries.checkName(pairs.name(), path);
                entries.mark(EntryWriter.joined(path, EntryWriter.joined(EntryWriter.WHITEOUT_PREFIX, pairs.name())));
            }
        }
    }

    private void file(Inode upper, byte[] path) throws IOException {
        byte[] first = upper.links() > 1 ? written.putIfAbsent(upper.place().nid(), path) : null;
        if (first != null) {
            entries.hardLink(upper, path, first);
        } else {
            entries.file(upper, path);
        }
    }

    /** Writes the directories down to the current one that are not written yet: others unpack them as they stand. */
    private void tellDirectories() throws IOException {
        for (Level level : (Iterable<Level>) levels::descendingIterator) {
            if (!level.told) {
                level.told = true;
                if (!trees.isImplied(level.upper)) {
                    entries.directory(level.upper, level.path);
                }
            }
        }
    }
}
