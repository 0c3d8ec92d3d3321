package io.lamina.images.layer;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.WalkBudget;
import io.lamina.images.erofs.Xattrs;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

/**
 * Writes the tree of an EROFS image as the tar of an OCI layer, for images that have no recipe: depth first, names in the
 * order of their bytes. Whiteouts and opaque marks become OCI's, implied directories are left out, and so are sockets,
 * which no tar can hold.
 */
public final class CanonicalTar {
    private static final byte[] NONE = new byte[0];

    private final ErofsImage image;
    private final WalkBudget walk;
    private final EntryWriter entries;
    /** The first path of each file with several names. */
    private final Map<Long, byte[]> firstPaths = new HashMap<>();

    private final ArrayDeque<Level> levels = new ArrayDeque<>();

    /** A directory on the way down; its path is empty or ends with a slash. */
    private record Level(RawPath path, DirentCursor entries) {}

    private CanonicalTar(ErofsImage image, OutputStream out) {
        this.image = image;
        this.walk = new WalkBudget(image);
        this.entries = new EntryWriter(image, new TarOutput(out));
    }

    /**
     * Writes a tar; the same tree gives the same bytes.
     *
     * @param out means nothing after an exception; flushed, not closed
     * @throws UnsupportedImageException if the image holds what no OCI layer can say
     */
    public static void write(ErofsImage image, OutputStream out) throws IOException {
        CanonicalTar writer = new CanonicalTar(image, out);
        writer.directory(image.root(), NONE);
        writer.walk();
        writer.entries.finish();
    }

    private void walk() throws IOException {
        Level level;
        while ((level = levels.peek()) != null) {
            if (!level.entries().next()) {
                levels.pop();
                continue;
            }
            Inode inode = image.inode(level.entries().nid());
            byte[] name = level.entries().name();
            byte[] path = joined(level.path().bytes(), name);
            entries.checkName(name, path);
            if (inode.type() == FileType.DIRECTORY) {
                directory(inode, joined(path, new byte[] {'/'}));
            } else {
                file(inode, level.path().bytes(), name, path);
            }
        }
    }

    private void directory(Inode inode, byte[] path) throws IOException {
        walk.spend(inode);
        Xattrs xattrs = image.xattrs(inode);
        if (!xattrs.sorted().contains(LayerXattrs.IMPLIED)) {
            entries.directory(inode, path);
        }
        if (xattrs.sorted().contains(LayerXattrs.OPAQUE)) {
            entries.mark(joined(path, EntryWriter.OPAQUE_NAME));
        }
        levels.push(new Level(new RawPath(path), image.entries(inode, walk)));
    }

    private void file(Inode inode, byte[] directory, byte[] name, byte[] path) throws IOException {
        if (EntryWriter.isWhiteout(inode)) {
            entries.mark(joined(joined(directory, EntryWriter.WHITEOUT_PREFIX), name));
            return;
        }
        byte[] first = inode.links() > 1 ? firstPaths.putIfAbsent(inode.place().nid(), path) : null;
        if (first != null) {
            entries.hardLink(inode, path, first);
            return;
        }
        walk.spend(inode);
        entries.file(inode, path);
    }

    private static byte[] joined(byte[] start, byte[] end) {
        return EntryWriter.joined(start, end);
    }
}
