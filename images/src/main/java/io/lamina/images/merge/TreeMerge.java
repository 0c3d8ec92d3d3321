package io.lamina.images.merge;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.CompressionConfigs;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.Directory;
import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.TreeInode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
 *
 * <p>An implied directory over a symbolic link of a lower layer is found only on the way. Then the merge starts again,
 * with the directory grafted to where the link leads; images that need it are few, and others pay nothing.
 */
final class TreeMerge {
    /** Each run finds the links of one more level; a tree in which this many follow each other means harm. */
    private static final int MAX_RUNS = 40;

    private final List<MergeLayer> layers = new ArrayList<>();
    private final Grafts grafts;
    private final ArrayDeque<Task> tasks = new ArrayDeque<>();
    private final List<Graft> found = new ArrayList<>();

    /** A merged directory, its path, and the directories that it is made of, topmost first. */
    private record Task(String path, Directory merged, List<Source> topFirst) {}

    /** A directory that belongs to where a link of this path leads. */
    private record Graft(Source source, String path) {}

    /** A layer's next entry of the current directory. */
    private record Candidate(MergeLayer layer, DirentCursor cursor) implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            int byName = Arrays.compareUnsigned(cursor.name(), other.cursor.name());
            return byName != 0 ? byName : Integer.compare(other.layer.deviceId(), layer.deviceId());
        }
    }

    private TreeMerge(List<LayerImage> baseFirst, Grafts grafts) throws UnsupportedImageException {
        this.grafts = grafts;
        for (LayerImage layer : baseFirst) {
            layers.add(new MergeLayer(layer.image(), LayerData.of(layer.image()), layers.size() + 1));
        }
    }

    /**
     * What came out.
     *
     * @param root of the merged tree
     * @param compression what its compressed files need of a reader
     */
    record Merged(TreeInode root, CompressionConfigs compression) {}

    /** Merges all layers. */
    static Merged of(List<LayerImage> baseFirst) throws IOException {
        Grafts grafts = new Grafts();
        for (int run = 0; run < MAX_RUNS; run++) {
            TreeMerge merge = new TreeMerge(baseFirst, grafts);
            TreeInode root = merge.run();
            if (merge.found.isEmpty()) {
                return new Merged(root, merge.compression());
            }
            merge.resolveGrafts();
        }
        throw new UnsupportedImageException(
                baseFirst.getLast().image().name(),
                "directories below symbolic links of lower layers, nested " + MAX_RUNS + " times");
    }

    private CompressionConfigs compression() {
        CompressionConfigs all = CompressionConfigs.NONE;
        for (MergeLayer layer : layers) {
            all = all.union(layer.compression());
        }
        return all;
    }

    private TreeInode run() throws IOException {
        DirectoryStack stack = new DirectoryStack();
        for (MergeLayer layer : layers.reversed()) {
            if (!stack.add(layer, layer.root())) {
                break;
            }
        }
        TreeInode root = directory("", stack);
        while (!tasks.isEmpty()) {
            merge(tasks.remove());
        }
        return root;
    }

    private void resolveGrafts() throws IOException {
        for (Graft graft : found) {
            int deviceId = graft.source().layer().deviceId();
            List<MergeLayer> lowerTopFirst = layers.subList(0, deviceId - 1).reversed();
            String what = graft.source().layer().name() + ": " + graft.path();
            grafts.add(graft.source(), LinkedDirectory.of(lowerTopFirst, graft.path(), what));
        }
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
            TreeInode winner = winner(task.path(), sameName);
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
    private @Nullable TreeInode winner(String parent, List<Candidate> topFirst) throws IOException {
        List<Resolution.Found> entries = new ArrayList<>(topFirst.size());
        for (Candidate candidate : topFirst) {
            long nid = candidate.cursor().nid();
            if (!grafts.isMoved(candidate.layer().deviceId(), nid)) {
                entries.add(new Resolution.Found(
                        candidate.layer(), candidate.layer().inode(nid)));
            }
        }
        if (entries.isEmpty()) {
            return null;
        }
        noteFollowedLinks(parent, topFirst.getFirst().cursor().name(), entries);
        return switch (Resolution.of(entries)) {
            case Resolution.Hidden _ -> null;
            case Resolution.File file -> file.layer().file(file.inode());
            case Resolution.Stacked stacked ->
                directory(below(parent, topFirst.getFirst().cursor().name()), stacked.stack());
            case Resolution.ThroughLink link -> link.layer().file(link.link());
        };
    }

    /** Each layer's directory is looked at as if it were the top: a link that a higher layer hides was followed too. */
    private void noteFollowedLinks(String parent, byte[] name, List<Resolution.Found> topFirst) throws IOException {
        boolean link = false;
        for (int i = topFirst.size() - 1; i >= 0; i--) {
            FileType type = topFirst.get(i).inode().type();
            link |= type == FileType.SYMLINK;
            if (link
                    && type == FileType.DIRECTORY
                    && Resolution.of(topFirst.subList(i, topFirst.size())) instanceof Resolution.ThroughLink followed) {
                for (Source source : followed.above().sources()) {
                    found.add(new Graft(source, below(parent, name)));
                }
            }
        }
    }

    private TreeInode directory(String path, DirectoryStack stack) throws IOException {
        if (!grafts.isEmpty()) {
            stack.graft(grafts.at(path, layers));
        }
        Directory merged = new Directory();
        tasks.add(new Task(path, merged, stack.sources()));
        return new TreeInode(stack.attributes(), new Content.Entries(merged));
    }

    private static String below(String parent, byte[] name) {
        String last = new String(name, StandardCharsets.ISO_8859_1);
        return parent.isEmpty() ? last : parent + "/" + last;
    }
}
