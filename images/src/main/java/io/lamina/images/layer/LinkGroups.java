package io.lamina.images.layer;

import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which files of several names a layer has to carry. A layer cannot link to a file of the layers below, so that a group
 * stays as it is only if all of its names lead to one file in the lower tree, and no other group wants that file too.
 */
final class LinkGroups {
    private final TreePair trees;
    private final Map<Long, Group> byUpperNid = new HashMap<>();
    /** The files of the lower tree that an unchanged group has taken. */
    private final Set<Long> taken = new HashSet<>();

    private static final class Group {
        private final long lowerNid;
        private boolean changed;

        Group(long lowerNid, boolean changed) {
            this.lowerNid = lowerNid;
            this.changed = changed;
        }
    }

    private LinkGroups(TreePair trees) {
        this.trees = trees;
    }

    /** Walks both trees once and looks at the files that have several names in one of them. */
    static LinkGroups of(TreePair trees) throws IOException {
        LinkGroups groups = new LinkGroups(trees);
        ArrayDeque<TreePair.Pairs> levels = new ArrayDeque<>();
        levels.push(trees.pairs(trees.lowerRoot(), trees.upperRoot()));
        while (!levels.isEmpty()) {
            TreePair.Pairs pairs = levels.peek();
            if (!pairs.next()) {
                levels.pop();
                continue;
            }
            Inode lower = pairs.lower();
            Inode upper = pairs.upper();
            if (upper == null) {
                continue;
            }
            if (upper.type() == FileType.DIRECTORY) {
                levels.push(trees.pairs(TreePair.isDirectory(lower) ? lower : null, upper));
            } else if (groups.isTracked(lower, upper)) {
                groups.add(lower, upper);
            }
        }
        groups.settle();
        return groups;
    }

    /** Whether this answers for a pair: one of the two has several names. */
    boolean isTracked(@Nullable Inode lower, Inode upper) {
        return upper.links() > 1 || (lower != null && lower.type() != FileType.DIRECTORY && lower.links() > 1);
    }

    boolean isChanged(Inode upper) {
        Group group = byUpperNid.get(upper.place().nid());
        return group == null || group.changed;
    }

    private void add(@Nullable Inode lower, Inode upper) throws IOException {
        long upperNid = upper.place().nid();
        Group group = byUpperNid.get(upperNid);
        if (group == null) {
            long lowerNid = lower == null ? -1 : lower.place().nid();
            byUpperNid.put(upperNid, new Group(lowerNid, !trees.sameFile(lower, upper)));
        } else if (lower == null || lower.place().nid() != group.lowerNid) {
            group.changed = true;
        }
    }

    /** Of several unchanged groups that were one, the one of the lowest node id stays. */
    private void settle() {
        byUpperNid.keySet().stream().sorted().map(byUpperNid::get).forEach(group -> {
            if (!group.changed && !taken.add(group.lowerNid)) {
                group.changed = true;
            }
        });
    }
}
