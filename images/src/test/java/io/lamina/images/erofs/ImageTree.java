package io.lamina.images.erofs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.TreeMap;

/** A whole image as our own reader sees it: a line for each path, its bytes as Latin-1, the root as the empty path. */
public final class ImageTree {
    /** Beyond this a file is only probed at both ends; a hole may be larger than any memory. */
    private static final long MAX_HASHED_BYTES = 1 << 20;

    private static final int MAX_PATH = 4096;

    private final ErofsImage image;
    private final WalkBudget walk;
    private final Map<String, String> lines = new TreeMap<>();
    private final ByteBuffer buffer = ByteBuffer.allocate(64 << 10);

    private ImageTree(ErofsImage image) {
        this.image = image;
        this.walk = new WalkBudget(image);
    }

    /** Reads everything. */
    public static Map<String, String> read(ErofsImage image) throws IOException {
        ImageTree tree = new ImageTree(image);
        tree.walk();
        return tree.lines;
    }

    private record Named(String path, Inode inode) {}

    private void walk() throws IOException {
        ArrayDeque<Named> ahead = new ArrayDeque<>();
        ahead.add(new Named("", image.root()));
        while (!ahead.isEmpty()) {
            Named next = ahead.remove();
            walk.spend(next.inode());
            lines.put(next.path(), line(next.inode()));
            if (next.inode().type() == FileType.DIRECTORY) {
                DirentCursor entries = image.entries(next.inode(), walk);
                while (entries.next()) {
                    String name = new String(entries.name(), ISO_8859_1);
                    ahead.add(new Named(below(next.path(), name), image.inode(entries.nid())));
                }
            }
        }
    }

    private static String below(String parent, String name) {
        if (parent.isEmpty()) {
            return name;
        }
        // A directory that contains itself is thousands of levels deep; all its paths in full would take gigabytes.
        String shown = parent.length() < MAX_PATH
                ? parent
                : "..." + Digest.ofContent(parent.getBytes(ISO_8859_1)).hex();
        return shown + "/" + name;
    }

    private String line(Inode inode) throws IOException {
        StringBuilder line = new StringBuilder("%s %04o %d:%d %d.%09d links %d"
                .formatted(
                        inode.type(),
                        inode.mode() & FileType.PERMISSIONS_MASK,
                        Integer.toUnsignedLong(inode.owner().uid()),
                        Integer.toUnsignedLong(inode.owner().gid()),
                        inode.mtime().seconds(),
                        inode.mtime().nanos(),
                        inode.links()));
        for (Xattr attribute : image.xattrs(inode).sorted()) {
            line.append(' ').append(attribute.fullName()).append('=').append(new String(attribute.value(), ISO_8859_1));
        }
        return line.append(contents(inode)).toString();
    }

    private String contents(Inode inode) throws IOException {
        return switch (inode.type()) {
            case REGULAR -> " size %d %s".formatted(inode.data().sizeBytes(), hash(inode));
            case SYMLINK -> " -> " + new String(image.symlinkTarget(inode), ISO_8859_1);
            case CHARACTER_DEVICE, BLOCK_DEVICE ->
                " device 0x%x".formatted(inode.data().address());
            case DIRECTORY, FIFO, SOCKET -> "";
        };
    }

    private String hash(Inode file) throws IOException {
        MessageDigest digest = Digest.sha256();
        long size = file.data().sizeBytes();
        long at = 0;
        while (at < size) {
            buffer.clear();
            int got = image.read(file, at, buffer);
            digest.update(buffer.flip());
            at += got;
            if (at >= MAX_HASHED_BYTES) {
                at = Math.max(at, size - 1);
            }
        }
        return Digest.of(digest.digest()).hex().substring(0, 16);
    }
}
