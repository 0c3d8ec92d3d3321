package io.lamina.images.layer;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.Owner;
import io.lamina.images.erofs.Timestamp;
import io.lamina.images.erofs.WalkBudget;
import io.lamina.images.erofs.Xattrs;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Writes the tree of an EROFS image as the tar of an OCI layer, for images that have no recipe: depth first, names in the
 * order of their bytes. Whiteouts and opaque marks become OCI's, implied directories are left out, and so are sockets,
 * which no tar can hold.
 */
public final class CanonicalTar {
    private static final int PIECE_BYTES = 64 << 10;
    private static final byte[] NONE = new byte[0];
    private static final byte[] OPAQUE_NAME = ".wh..wh..opq".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] WHITEOUT_PREFIX = ".wh.".getBytes(StandardCharsets.US_ASCII);
    private static final Attributes MARK =
            new Attributes(FileType.REGULAR.modeBits() | 0644, Owner.ROOT, Timestamp.EPOCH, Xattrs.NONE);

    private final ErofsImage image;
    private final WalkBudget walk;
    private final TarOutput tar;
    /** The first path of each file with several names. */
    private final Map<Long, byte[]> firstPaths = new HashMap<>();

    private final ArrayDeque<Level> levels = new ArrayDeque<>();
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);

    /** A directory on the way down; its path is empty or ends with a slash. */
    private record Level(RawPath path, DirentCursor entries) {}

    private CanonicalTar(ErofsImage image, OutputStream out) {
        this.image = image;
        this.walk = new WalkBudget(image);
        this.tar = new TarOutput(out);
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
        writer.tar.finish();
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
            if (LayerTree.startsWith(name, WHITEOUT_PREFIX)) {
                throw new UnsupportedImageException(
                        image.name() + ": " + new RawPath(path),
                        "a file named as a whiteout cannot be in a layer's tar");
            }
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
            byte[] shown = path.length == 0 ? new byte[] {'.', '/'} : path;
            tar.header(shown, '5', attributes(inode, xattrs), 0, NONE);
        }
        if (xattrs.sorted().contains(LayerXattrs.OPAQUE)) {
            tar.header(joined(path, OPAQUE_NAME), '0', MARK, 0, NONE);
        }
        levels.push(new Level(new RawPath(path), image.entries(inode, walk)));
    }

    private void file(Inode inode, byte[] directory, byte[] name, byte[] path) throws IOException {
        byte[] first = inode.links() > 1 ? firstPaths.putIfAbsent(inode.place().nid(), path) : null;
        boolean device = inode.type() == FileType.CHARACTER_DEVICE || inode.type() == FileType.BLOCK_DEVICE;
        if (inode.type() == FileType.CHARACTER_DEVICE && inode.data().address() == Content.Device.WHITEOUT.number()) {
            tar.header(joined(joined(directory, WHITEOUT_PREFIX), name), '0', MARK, 0, NONE);
            return;
        }
        Attributes attributes = attributes(inode, image.xattrs(inode));
        if (first != null) {
            tar.header(path, '1', attributes, 0, first);
            return;
        }
        walk.spend(inode);
        if (device) {
            tar.device(
                    path,
                    inode.type() == FileType.BLOCK_DEVICE ? '4' : '3',
                    attributes,
                    inode.data().address());
            return;
        }
        switch (inode.type()) {
            case REGULAR -> regular(inode, path, attributes);
            case SYMLINK -> tar.header(path, '2', attributes, 0, image.symlinkTarget(inode));
            case FIFO -> tar.header(path, '6', attributes, 0, NONE);
            case SOCKET, DIRECTORY, CHARACTER_DEVICE, BLOCK_DEVICE -> {}
        }
    }

    private void regular(Inode inode, byte[] path, Attributes attributes) throws IOException {
        long size = inode.data().sizeBytes();
        tar.header(path, '0', attributes, size, NONE);
        for (long at = 0; at < size; at += piece.position()) {
            piece.clear();
            image.read(inode, at, piece);
            tar.data(piece.array(), 0, piece.position());
        }
        tar.endData(size);
    }

    private static Attributes attributes(Inode inode, Xattrs xattrs) {
        Xattrs kept = xattrs.without(attribute -> LayerXattrs.isStacking(attribute.fullName()));
        return new Attributes(inode.mode(), inode.owner(), inode.mtime(), kept);
    }

    private static byte[] joined(byte[] start, byte[] end) {
        byte[] whole = Arrays.copyOf(start, start.length + end.length);
        System.arraycopy(end, 0, whole, start.length, end.length);
        return whole;
    }
}
