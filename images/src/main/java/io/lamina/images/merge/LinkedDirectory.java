package io.lamina.images.merge;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds the directory that a symbolic link leads to, in the tree that the layers below a given one make. */
final class LinkedDirectory {
    private static final int MAX_SYMLINKS = 255;

    private final List<MergeLayer> lowerTopFirst;
    private final String what;
    private final ArrayList<Place> above = new ArrayList<>();
    private int symlinks;

    /** A directory on the way. */
    private record Place(String path, List<Source> sources) {}

    private LinkedDirectory(List<MergeLayer> lowerTopFirst, String what) {
        this.lowerTopFirst = lowerTopFirst;
        this.what = what;
    }

    /**
     * The path of the directory, its bytes as Latin-1.
     *
     * @param lowerTopFirst the layers whose tree counts
     * @param path of the link; what leads to it are directories
     * @param what names layer and path for messages
     * @throws UnsupportedImageException if there is no such directory
     */
    static String of(List<MergeLayer> lowerTopFirst, String path, String what) throws IOException {
        return new LinkedDirectory(lowerTopFirst, what).find(path);
    }

    private String find(String path) throws IOException {
        ArrayDeque<String> ahead = new ArrayDeque<>(List.of(path.split("/")));
        Place here = root();
        while (!ahead.isEmpty()) {
            String name = ahead.pop();
            if (name.isEmpty() || name.equals(".")) {
                continue;
            }
            if (name.equals("..")) {
                here = above.isEmpty() ? here : above.removeLast();
                continue;
            }
            String below = here.path().isEmpty() ? name : here.path() + "/" + name;
            switch (lookUp(here, name)) {
                case Resolution.Stacked(DirectoryStack stack) -> {
                    above.add(here);
                    here = new Place(below, stack.sources());
                }
                case Resolution.ThroughLink(DirectoryStack _, MergeLayer layer, Inode link) ->
                    here = follow(layer, link, ahead, here);
                case Resolution.File(MergeLayer layer, Inode inode)
                when inode.type() == FileType.SYMLINK -> here = follow(layer, inode, ahead, here);
                case Resolution.File _ -> throw refusal(below, "which is no directory");
                case Resolution.Hidden _ -> throw refusal(below, "which no lower layer has");
                case null -> throw refusal(below, "which no lower layer has");
            }
        }
        return here.path();
    }

    private Place root() throws IOException {
        DirectoryStack stack = new DirectoryStack();
        for (MergeLayer layer : lowerTopFirst) {
            if (!stack.add(layer, layer.root())) {
                break;
            }
        }
        return new Place("", stack.sources());
    }

    private Place follow(MergeLayer layer, Inode link, ArrayDeque<String> ahead, Place here) throws IOException {
        symlinks++;
        if (symlinks > MAX_SYMLINKS) {
            throw refusal(here.path(), "more than " + MAX_SYMLINKS + " links away");
        }
        String target = new String(layer.symlinkTarget(link), StandardCharsets.ISO_8859_1);
        for (String name : List.of(target.split("/")).reversed()) {
            ahead.push(name);
        }
        if (!target.startsWith("/")) {
            return here;
        }
        Place root = above.isEmpty() ? here : above.getFirst();
        above.clear();
        return root;
    }

    private static @Nullable Resolution lookUp(Place directory, String name) throws IOException {
        byte[] bytes = name.getBytes(StandardCharsets.ISO_8859_1);
        List<Resolution.Found> topFirst = new ArrayList<>();
        for (Source source : directory.sources()) {
            Inode found = source.layer().find(source.directory(), bytes);
            if (found != null) {
                topFirst.add(new Resolution.Found(source.layer(), found));
            }
        }
        return topFirst.isEmpty() ? null : Resolution.of(topFirst);
    }

    private UnsupportedImageException refusal(String place, String why) {
        return new UnsupportedImageException(
                what, "lies below a symbolic link of a lower layer that leads to " + place + ", " + why);
    }
}
