package io.lamina.images.merge;

import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.Xattr;
import io.lamina.images.layer.LayerXattrs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What each layer of a stack says of one path, and what of it is seen: the rules of {@link Merger}, told for a person. */
public final class PathHistory {
    private static final String OPAQUE = "trusted.overlay.opaque";

    private final List<byte[]> components;
    private final List<Event> events = new ArrayList<>();
    private boolean hidden;
    private boolean found;
    private boolean directory;
    private boolean described;

    private PathHistory(List<byte[]> components) {
        this.components = components;
    }

    /** What a layer does to the path. */
    public enum Kind {
        /** What is seen there. */
        SEEN,
        /** A directory whose entries join those of others. */
        JOINS,
        /** A directory that the layer needs and does not list. */
        IMPLIED,
        /** Something that a higher layer hides. */
        HIDDEN,
        /** A whiteout there, or of a directory above it. */
        REMOVES,
        /** Something that is no directory where a directory above it was. */
        REPLACES,
        /** A directory, there or above, that hides what lower layers have in it. */
        OPAQUE
    }

    /**
     * What one layer does.
     *
     * @param layer its number, 0 for the base
     * @param kind what it does
     * @param inode what it has at the path, or null
     */
    public record Event(int layer, Kind kind, @Nullable Inode inode) {}

    /**
     * Looks a path up in every layer, from the uppermost down.
     *
     * @param baseFirst the layers
     * @param path from the root, with or without a slash before it; symbolic links are not followed
     */
    public static List<Event> of(List<ErofsImage> baseFirst, String path) throws IOException {
        List<byte[]> components = new ArrayList<>();
        for (String name : path.split("/", -1)) {
            if (!name.isEmpty() && !name.equals(".")) {
                components.add(name.getBytes(StandardCharsets.UTF_8));
            }
        }
        PathHistory history = new PathHistory(components);
        for (int layer = baseFirst.size() - 1; layer >= 0; layer--) {
            history.look(layer, baseFirst.get(layer));
        }
        return history.events;
    }

    private void look(int layer, ErofsImage image) throws IOException {
        Inode at = image.root();
        boolean opaque = false;
        for (int i = 0; i < components.size(); i++) {
            opaque |= isOpaque(image, at);
            Inode next = entry(image, at, components.get(i));
            boolean last = i == components.size() - 1;
            if (next == null) {
                hide(layer, Kind.OPAQUE, opaque);
                return;
            }
            if (MergeLayer.isWhiteout(next)) {
                hide(layer, Kind.REMOVES, true);
                return;
            }
            if (!last && next.type() != FileType.DIRECTORY) {
                hide(layer, Kind.REPLACES, true);
                return;
            }
            at = next;
        }
        tell(layer, image, at);
        hide(layer, Kind.OPAQUE, opaque || (at.type() == FileType.DIRECTORY && isOpaque(image, at)));
    }

    private void tell(int layer, ErofsImage image, Inode inode) throws IOException {
        boolean isDirectory = inode.type() == FileType.DIRECTORY;
        if (hidden || (found && !(directory && isDirectory))) {
            events.add(new Event(layer, Kind.HIDDEN, inode));
            return;
        }
        boolean implied = isDirectory && image.xattrs(inode).sorted().contains(LayerXattrs.IMPLIED);
        Kind kind = implied ? Kind.IMPLIED : described ? Kind.JOINS : Kind.SEEN;
        described |= !implied;
        found = true;
        directory = isDirectory;
        hidden |= !isDirectory;
        events.add(new Event(layer, kind, inode));
    }

    private void hide(int layer, Kind kind, boolean applies) {
        if (applies && !hidden) {
            hidden = true;
            events.add(new Event(layer, kind, null));
        }
    }

    private static boolean isOpaque(ErofsImage image, Inode inode) throws IOException {
        Xattr mark = image.xattrs(inode).find(OPAQUE);
        return mark != null && Arrays.equals(mark.value(), new byte[] {'y'});
    }

    private static @Nullable Inode entry(ErofsImage image, Inode directory, byte[] name) throws IOException {
        DirentCursor entries = image.entries(directory);
        while (entries.next()) {
            if (Arrays.equals(entries.name(), name)) {
                return image.inode(entries.nid());
            }
        }
        return null;
    }
}
