package io.lamina.guest;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Paths of an image as a process with its root would resolve them: a symbolic link, absolute or with {@code ..}, never
 * leads out of the root. For use while nobody else changes the tree.
 */
final class RootPath {
    /** As many links as the kernel follows (MAXSYMLINKS). */
    private static final int MAX_LINKS = 40;

    private RootPath() {}

    /**
     * Where {@code path} of the image lies in the guest. Its last part may not exist, nor need any other.
     *
     * @throws IOException if there are too many symbolic links
     */
    static Path resolve(Path root, String path) throws IOException {
        Deque<String> parts = new ArrayDeque<>();
        push(parts, path);
        Path at = root;
        int links = 0;
        while (!parts.isEmpty()) {
            String part = parts.pop();
            if (part.isEmpty() || part.equals(".")) {
                continue;
            }
            if (part.equals("..")) {
                at = at.equals(root) ? root : parent(at, root);
                continue;
            }
            Path next = at.resolve(part);
            if (!Files.isSymbolicLink(next)) {
                at = next;
                continue;
            }
            if (++links > MAX_LINKS) {
                throw new FileSystemLoopException(path);
            }
            String target = Files.readSymbolicLink(next).toString();
            if (target.startsWith("/")) {
                at = root;
            }
            push(parts, target);
        }
        return at;
    }

    private static Path parent(Path path, Path root) {
        Path parent = path.getParent();
        return parent == null ? root : parent;
    }

    private static void push(Deque<String> parts, String path) {
        String[] split = path.split("/", -1);
        for (int i = split.length - 1; i >= 0; i--) {
            parts.push(split[i]);
        }
    }
}
