package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.ArrayDeque;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Finds what a path of an image leads to, as a process would whose root the image is. */
public final class PathLookup {
    /** As many symbolic links may follow each other, as in the kernel (include/linux/namei.h, MAXSYMLINKS). */
    private static final int MAX_LINKS = 40;

    private final ErofsImage image;
    private final String path;
    private final ArrayDeque<byte[]> left = new ArrayDeque<>();
    private final ArrayDeque<Inode> way = new ArrayDeque<>();
    private int links;

    private PathLookup(ErofsImage image, String path) {
        this.image = image;
        this.path = path;
    }

    /**
     * The inode at {@code pathBytes}, which starts at the root with or without a slash.
     *
     * @param shownPath the path for messages
     * @param followLast whether a symbolic link at the end is followed
     * @throws NoSuchFileException if there is none, {@link NotDirectoryException} and {@link FileSystemLoopException}
     *     as their names say
     */
    public static Inode find(ErofsImage image, byte[] pathBytes, String shownPath, boolean followLast)
            throws IOException {
        return new PathLookup(image, shownPath).walk(pathBytes, followLast);
    }

    private Inode walk(byte[] pathBytes, boolean followLast) throws IOException {
        push(pathBytes);
        way.push(image.root());
        while (!left.isEmpty()) {
            byte[] name = left.pop();
            if (name.length == 1 && name[0] == '.') {
                continue;
            }
            if (Directory.isDotOrDotDot(name)) {
                if (way.size() > 1) {
                    way.pop();
                }
                continue;
            }
            Inode next = child(name);
            if (next.type() == FileType.SYMLINK && (followLast || !left.isEmpty())) {
                follow(next);
            } else {
                way.push(next);
            }
        }
        return way.element();
    }

    private Inode child(byte[] name) throws IOException {
        Inode directory = way.element();
        if (directory.type() != FileType.DIRECTORY) {
            throw new NotDirectoryException(image.name() + ": " + path);
        }
        Inode found = find(directory, name);
        if (found == null) {
            throw new NoSuchFileException(image.name() + ": " + path);
        }
        return found;
    }

    private @Nullable Inode find(Inode directory, byte[] name) throws IOException {
        DirentCursor entries = image.entries(directory);
        while (entries.next()) {
            if (Arrays.equals(entries.name(), name)) {
                return image.inode(entries.nid());
            }
        }
        return null;
    }

    private void follow(Inode link) throws IOException {
        if (++links > MAX_LINKS) {
            throw new FileSystemLoopException(image.name() + ": " + path);
        }
        byte[] target = image.symlinkTarget(link);
        if (target.length == 0) {
            throw new CorruptImageException(image.name() + ": " + path, "a symbolic link to nothing");
        }
        if (target[0] == '/') {
            Inode root = way.getLast();
            way.clear();
            way.push(root);
        }
        push(target);
    }

    /** Puts the components in front of those that are left. */
    private void push(byte[] components) {
        int end = components.length;
        for (int i = components.length - 1; i >= -1; i--) {
            if (i < 0 || components[i] == '/') {
                if (i + 1 < end) {
                    left.push(Arrays.copyOfRange(components, i + 1, end));
                }
                end = i;
            }
        }
    }
}
