package io.lamina.images.merge;

import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.WalkBudget;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds out why a layer cannot be merged as it is, though it can be read: a copy of its data is needed then
 * ({@link io.lamina.images.layer.LayerTranscoder}).
 */
public final class MergeObstacle {
    private MergeObstacle() {}

    /**
     * The first obstacle, in words that go on from a layer's name, or null if there is none.
     *
     * @throws io.lamina.images.CorruptImageException if the image breaks a rule of EROFS
     */
    public static @Nullable String of(ErofsImage image) throws IOException {
        String whole = image.whyNeedsCopyWhole();
        if (whole != null) {
            return whole;
        }
        if (image.devices().size() > 1 || !image.mayNeedCopy()) {
            return null; // merging says what is wrong with the former
        }
        WalkBudget walk = new WalkBudget(image);
        ArrayDeque<Inode> ahead = new ArrayDeque<>();
        Set<Long> files = new HashSet<>();
        ahead.add(image.root());
        while (!ahead.isEmpty()) {
            Inode directory = ahead.remove();
            walk.spend(directory);
            DirentCursor entries = image.entries(directory, walk);
            while (entries.next()) {
                Inode inode = image.inode(entries.nid());
                if (inode.type() == FileType.DIRECTORY) {
                    ahead.add(inode);
                } else if (inode.type() == FileType.REGULAR && files.add(entries.nid())) {
                    walk.spend(inode);
                    String why = image.whyNeedsCopy(inode);
                    if (why != null) {
                        return why;
                    }
                }
            }
        }
        return null;
    }
}
