package io.lamina.images.layer;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.Owner;
import io.lamina.images.erofs.Timestamp;
import io.lamina.images.erofs.Xattrs;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes inodes of an image as entries of a layer's tar. */
final class EntryWriter {
    static final byte[] WHITEOUT_PREFIX = ".wh.".getBytes(StandardCharsets.US_ASCII);
    static final byte[] OPAQUE_NAME = ".wh..wh..opq".getBytes(StandardCharsets.US_ASCII);

    private static final int PIECE_BYTES = 64 << 10;
    private static final byte[] NONE = new byte[0];
    private static final byte[] ROOT = {'.', '/'};
    private static final Attributes MARK =
            new Attributes(FileType.REGULAR.modeBits() | 0644, Owner.ROOT, Timestamp.EPOCH, Xattrs.NONE);

    private final ErofsImage image;
    private final TarOutput tar;
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);

    EntryWriter(ErofsImage image, TarOutput tar) {
        this.image = image;
        this.tar = tar;
    }

    static boolean isWhiteout(Inode inode) {
        return inode.type() == FileType.CHARACTER_DEVICE && inode.data().address() == Content.Device.WHITEOUT.number();
    }

    /** Refuses a name that a reader of the tar would take for a whiteout. */
    void checkName(byte[] name, byte[] path) throws UnsupportedImageException {
        if (LayerTree.startsWith(name, WHITEOUT_PREFIX)) {
            throw new UnsupportedImageException(
                    image.name() + ": " + new RawPath(path), "a file named as a whiteout cannot be in a layer's tar");
        }
    }

    /** A whiteout or an opaque mark: an empty file. */
    void mark(byte[] path) throws IOException {
        tar.header(path, '0', MARK, 0, NONE);
    }

    /** A directory; its path is empty, for the root, or ends with a slash. */
    void directory(Inode inode, byte[] path) throws IOException {
        tar.header(path.length == 0 ? ROOT : path, '5', attributes(inode), 0, NONE);
    }

    void hardLink(Inode inode, byte[] path, byte[] target) throws IOException {
        tar.header(path, '1', attributes(inode), 0, target);
    }

    /** Anything that is neither a directory nor another name; a socket, which no tar can hold, is left out. */
    void file(Inode inode, byte[] path) throws IOException {
        switch (inode.type()) {
            case REGULAR -> regular(inode, path);
            case SYMLINK -> tar.header(path, '2', attributes(inode), 0, image.symlinkTarget(inode));
            case CHARACTER_DEVICE ->
                tar.device(path, '3', attributes(inode), inode.data().address());
            case BLOCK_DEVICE ->
                tar.device(path, '4', attributes(inode), inode.data().address());
            case FIFO -> tar.header(path, '6', attributes(inode), 0, NONE);
            case SOCKET -> {}
            case DIRECTORY -> throw new IllegalArgumentException("a directory");
        }
    }

    private void regular(Inode inode, byte[] path) throws IOException {
        long size = inode.data().sizeBytes();
        tar.header(path, '0', attributes(inode), size, NONE);
        for (long at = 0; at < size; at += piece.position()) {
            piece.clear();
            image.read(inode, at, piece);
            tar.data(piece.array(), 0, piece.position());
        }
        tar.endData(size);
    }

    /** What the tar says of an inode: nothing that only steers the stacking of layers. */
    private Attributes attributes(Inode inode) throws IOException {
        return attributes(image, inode);
    }

    static Attributes attributes(ErofsImage image, Inode inode) throws IOException {
        Xattrs kept = image.xattrs(inode).without(attribute -> LayerXattrs.isStacking(attribute.fullName()));
        return new Attributes(inode.mode(), inode.owner(), inode.mtime(), kept);
    }

    void finish() throws IOException {
        tar.finish();
    }

    static byte[] joined(byte[] start, byte[] end) {
        byte[] whole = Arrays.copyOf(start, start.length + end.length);
        System.arraycopy(end, 0, whole, start.length, end.length);
        return whole;
    }
}
