package io.lamina.images.layer;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.Directory;
import io.lamina.images.erofs.TreeInode;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds directories by path inside a tree, following symbolic links as inside a chroot: an absolute target starts at the
 * root, {@code ..} stops there.
 */
final class PathWalk {
    /** As Linux does it, and then some; umoci and containerd stop at 255. */
    private static final int MAX_SYMLINKS = 255;

    private final Supplier<TreeInode> newDirectory;

    /** Entries of one directory follow each other; the last one's parent is kept. */
    private @Nullable List<byte[]> lastParents;

    private @Nullable TreeInode lastRoot;
    private @Nullable TreeInode lastFound;

    PathWalk(Supplier<TreeInode> newDirectory) {
        this.newDirectory = newDirectory;
    }

    /** Forgets what was found last: a name on the way may lead elsewhere now. */
    void forget() {
        lastFound = null;
    }

    /** The directory that {@code path}'s last component belongs to; directories that are missing are made. */
    TreeInode parent(TreeInode root, LayerPath path, TarEntry entry) throws CorruptImageException {
        TreeInode last = lastFound;
        if (last != null && root.equals(lastRoot) && sameAsLast(path.parents())) {
            return last;
        }
        TreeInode found = walk(root, path.parents(), entry, true);
        if (found == null) {
            throw new IllegalStateException("a missing directory was not made");
        }
        lastRoot = root;
        lastParents = path.parents();
        lastFound = found;
        return found;
    }

    /** As {@link #parent}, but nothing is followed: null if the path leads through what is no directory. */
    @Nullable
    TreeInode directParent(TreeInode root, LayerPath path, TarEntry entry) throws CorruptImageException {
        TreeInode here = root;
        for (byte[] name : path.parents()) {
            TreeInode next = step(here, name, entry, true);
            if (next == null || !(next.content() instanceof Content.Entries)) {
                return null;
            }
            here = next;
        }
        return here;
    }

    /** What {@code path} names, its last component not followed; null if there is no such thing. */
    @Nullable
    TreeInode find(TreeInode root, LayerPath path, TarEntry entry) throws CorruptImageException {
        TreeInode parent = walk(root, path.parents(), entry, false);
        if (parent == null) {
            return null;
        }
        Directory.Entry found = ((Content.Entries) parent.content()).directory().find(path.name());
        return found == null ? null : found.inode();
    }

    private boolean sameAsLast(List<byte[]> parents) {
        List<byte[]> last = lastParents;
        if (last == null || last.size() != parents.size()) {
            return false;
        }
        for (int i = parents.size() - 1; i >= 0; i--) {
            if (!Arrays.equals(last.get(i), parents.get(i))) {
                return false;
            }
        }
        return true;
    }

    private @Nullable TreeInode walk(TreeInode root, List<byte[]> components, TarEntry entry, boolean make)
            throws CorruptImageException {
        ArrayDeque<byte[]> ahead = new ArrayDeque<>(components);
        ArrayList<TreeInode> above = new ArrayList<>();
        TreeInode here = root;
        int symlinks = 0;
        while (!ahead.isEmpty()) {
            byte[] name = ahead.pop();
            if (LayerPath.isDot(name)) {
                continue;
            }
            if (LayerPath.isDotDot(name)) {
                here = above.isEmpty() ? root : above.removeLast();
                continue;
            }
            TreeInode next = step(here, name, entry, make);
            if (next == null) {
                return null;
            }
            switch (next.content()) {
                case Content.Entries _ -> {
                    above.add(here);
                    here = next;
                }
                case Content.Target target -> {
                    if (++symlinks > MAX_SYMLINKS) {
                        throw entry.corrupt("more than " + MAX_SYMLINKS + " symbolic links on the way");
                    }
                    if (pushTarget(target, ahead)) {
                        above.clear();
                        here = root;
                    }
                }
                case Content.Chunks _, Content.Tailed _, Content.Compressed _, Content.Device _, Content.Nothing _ ->
                    throw entry.corrupt("the path leads through " + new RawPath(name) + ", which is no directory");
            }
        }
        return here;
    }

    private @Nullable TreeInode step(TreeInode here, byte[] name, TarEntry entry, boolean make)
            throws CorruptImageException {
        Directory directory = ((Content.Entries) here.content()).directory();
        Directory.Entry found = make ? directory.findOrAdd(name) : directory.find(name);
        if (found == null) {
            return null;
        }
        TreeInode next = found.inode();
        if (next == null && make) {
            LayerPath.checkName(entry, name);
            next = newDirectory.get();
            found.setInode(next);
        }
        return next;
    }

    /** @return whether the target is absolute */
    private static boolean pushTarget(Content.Target target, ArrayDeque<byte[]> ahead) {
        byte[] bytes = target.bytes();
        int end = bytes.length;
        for (int i = bytes.length - 1; i >= -1; i--) {
            if (i < 0 || bytes[i] == '/') {
                ahead.push(Arrays.copyOfRange(bytes, i + 1, end));
                end = i;
            }
        }
        return bytes[0] == '/';
    }
}
