package io.lamina.images.merge;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.Directory;
import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.TreeInode;
import io.lamina.images.erofs.Xattrs;
import io.lamina.images.layer.LayerXattrs;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/**
 * Builds the merged tree, directory by directory, breadth first. The sorted entries of all layers that share a directory
 * are merged in one pass; for each name the topmost layer decides, and only directories let lower ones through
 * (kernel: Documentation/filesystems/overlayfs.rst, "Merged directories").
 */
final class TreeMerge {
    private final List<MergeLayer> layers = new ArrayList<>();
    private final ArrayDeque<Task> tasks = new ArrayDeque<>();

    /** A directory of one layer. */
    private record Source(MergeLayer layer, Inode directory) {}

    /** A merged directory and the directories that it is made of, topmost first. */
    private record Task(Directory merged, List<Source> topFirst) {}

    /** An entry that a layer has for the current name. */
    private record Candidate(MergeLayer layer, DirentCursor cursor) implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            int byName = Arrays.compareUnsigned(cursor.name(), other.cursor.name());
            return byName != 0 ? byName : Integer.compare(other.layer.deviceId(), layer.deviceId());
        }
    }

    TreeMerge(List<LayerImage> baseFirst) throws UnsupportedImageException {
        for (LayerImage layer : baseFirst) {
            layers.add(new MergeLayer(layer.image(), LayerData.of(layer.image()), layers.size() + 1));
        }
    }

    /** Merges all layers and gives the root. */
    TreeInode run() throws IOException {
        DirectoryStack stack = new DirectoryStack();
        for (MergeLayer layer : layers.reversed()) {
            if (!stack.add(layer, layer.root())) {
                break;
            }
        }
        TreeInode root = stack.merged();
        while (!tasks.isEmpty()) {
            merge(tasks.remove());
        }
        return root;
    }

    private void merge(Task task) throws IOException {
        PriorityQueue<Candidate> queue = new PriorityQueue<>(task.topFirst().size());
        for (Source source : task.topFirst()) {
            advance(new Candidate(source.layer(), source.layer().enter(source.directory())), queue);
        }
        List<Candidate> sameName = new ArrayList<>();
        Candidate top;
        while ((top = queue.poll()) != null) {
            byte[] name = top.cursor().name();
            sameName.clear();
            sameName.add(top);
            for (Candidate next = queue.peek();
                    next != null && Arrays.equals(next.cursor().name(), name);
                    next = queue.peek()) {
                sameName.add(next);
                queue.remove();
            }
            TreeInode winner = winner(sameName);
            if (winner != null) {
                task.merged().append(name, winner);
            }
            for (Candidate candidate : sameName) {
                advance(candidate, queue);
            }
        }
    }

    private static void advance(Candidate candidate, PriorityQueue<Candidate> queue) throws IOException {
        if (candidate.cursor().next()) {
            queue.add(candidate);
        }
    }

    /** What the merged tree has under a name, or null if it is hidden. */
    private @Nullable TreeInode winner(List<Candidate> topFirst) throws IOException {
        Candidate top = topFirst.getFirst();
        Inode first = top.layer().inode(top.cursor().nid());
        if (first.type() != FileType.DIRECTORY) {
            return MergeLayer.isWhiteout(first) ? null : top.layer().file(first);
        }
        DirectoryStack stack = new DirectoryStack();
        boolean goesOn = stack.add(top.layer(), first);
        for (int i = 1; goesOn && i < topFirst.size(); i++) {
            Candidate lower = topFirst.get(i);
            goesOn = stack.add(lower.layer(), lower.layer().inode(lower.cursor().nid()));
        }
        return stack.merged();
    }

    /** The directories of one name, topmost first, as far down as they show. */
    private final class DirectoryStack {
        private final List<Source> sources = new ArrayList<>(2);
        private @Nullable Attributes impliedAttributes;
        private @Nullable Attributes attributes;
        private boolean opaque;

        /** @return whether a lower directory matters too */
        boolean add(MergeLayer layer, Inode inode) throws IOException {
            if (inode.type() != FileType.DIRECTORY) {
                return false;
            }
            Xattrs xattrs = layer.xattrs(inode);
            if (!opaque) {
                sources.add(new Source(layer, inode));
                opaque = xattrs.sorted().contains(LayerXattrs.OPAQUE);
            }
            if (xattrs.sorted().contains(LayerXattrs.IMPLIED)) {
                // Attributes that nobody chose: those of a lower directory are the right ones.
                if (impliedAttributes == null) {
                    impliedAttributes = MergeLayer.attributes(inode, xattrs);
                }
            } else if (attributes == null) {
                attributes = MergeLayer.attributes(inode, xattrs);
            }
            return !opaque || attributes == null;
        }

        TreeInode merged() {
            Attributes chosen = attributes != null ? attributes : impliedAttributes;
            if (chosen == null) {
                throw new IllegalStateException("no directory was added");
            }
            Directory merged = new Directory();
            tasks.add(new Task(merged, sources));
            return new TreeInode(chosen, new Content.Entries(merged));
        }
    }
}
