package io.lamina.images.layer;

import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.WalkBudget;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Two trees, walked side by side and compared. One thread at a time. */
final class TreePair {
    private static final int PIECE_BYTES = 64 << 10;

    private final ErofsImage lower;
    private final ErofsImage upper;
    private final WalkBudget lowerWalk;
    private final WalkBudget upperWalk;
    private final ByteBuffer lowerPiece = ByteBuffer.allocate(PIECE_BYTES);
    private final ByteBuffer upperPiece = ByteBuffer.allocate(PIECE_BYTES);

    TreePair(ErofsImage lower, ErofsImage upper) {
        this.lower = lower;
        this.upper = upper;
        this.lowerWalk = new WalkBudget(lower);
        this.upperWalk = new WalkBudget(upper);
    }

    /** The names of two directories, each with what it leads to; {@code lowerDirectory} may be missing. */
    Pairs pairs(@Nullable Inode lowerDirectory, Inode upperDirectory) throws IOException {
        if (lowerDirectory != null) {
            lowerWalk.spend(lowerDirectory);
        }
        upperWalk.spend(upperDirectory);
        return new Pairs(
                lowerDirectory == null ? null : lower.entries(lowerDirectory, lowerWalk),
                upper.entries(upperDirectory, upperWalk));
    }

    /** As {@link #pairs}, for one more look that does not count as a part of the walk. */
    Pairs pairsAgain(Inode lowerDirectory, Inode upperDirectory) throws IOException {
        return new Pairs(lower.entries(lowerDirectory), upper.entries(upperDirectory));
    }

    /** The entries of two directories in the order of their names; whiteouts are passed over. */
    final class Pairs {
        private final Side below;
        private final Side above;
        private byte[] name = new byte[0];
        private @Nullable Inode lowerInode;
        private @Nullable Inode upperInode;

        private Pairs(@Nullable DirentCursor lowerEntries, DirentCursor upperEntries) throws IOException {
            this.below = new Side(lower, lowerEntries);
            this.above = new Side(upper, upperEntries);
        }

        /** Goes to the next name, if there is one. */
        boolean next() throws IOException {
            Inode lowest = below.inode;
            Inode highest = above.inode;
            if (lowest == null && highest == null) {
                return false;
            }
            int order = lowest == null ? 1 : highest == null ? -1 : Arrays.compareUnsigned(below.name, above.name);
            name = order <= 0 ? below.name : above.name;
            lowerInode = order <= 0 ? lowest : null;
            upperInode = order >= 0 ? highest : null;
            if (order <= 0) {
                below.advance();
            }
            if (order >= 0) {
                above.advance();
            }
            return true;
        }

        byte[] name() {
            return name;
        }

        /** What the name leads to in the lower tree, or null. */
        @Nullable
        Inode lower() {
            return lowerInode;
        }

        /** What the name leads to in the upper tree, or null. */
        @Nullable
        Inode upper() {
            return upperInode;
        }
    }

    /** One tree's next entry. */
    private static final class Side {
        private final ErofsImage image;
        private final @Nullable DirentCursor entries;
        private byte[] name = new byte[0];
        private @Nullable Inode inode;

        Side(ErofsImage image, @Nullable DirentCursor entries) throws IOException {
            this.image = image;
            this.entries = entries;
            advance();
        }

        void advance() throws IOException {
            inode = null;
            while (inode == null && entries != null && entries.next()) {
                Inode next = image.inode(entries.nid());
                if (!EntryWriter.isWhiteout(next)) {
                    inode = next;
                    name = entries.name();
                }
            }
        }
    }

    /** Whether the tar that the upper directory came from did not hold it. */
    boolean isImplied(Inode upperDirectory) throws IOException {
        return upper.xattrs(upperDirectory).sorted().contains(LayerXattrs.IMPLIED);
    }

    boolean sameDirectory(Inode lowerDirectory, Inode upperDirectory) throws IOException {
        return isImplied(upperDirectory) || sameAttributes(lowerDirectory, upperDirectory);
    }

    private boolean sameAttributes(Inode one, Inode other) throws IOException {
        return EntryWriter.attributes(lower, one).equals(EntryWriter.attributes(upper, other));
    }

    /** Whether a file that is no directory is in both trees and the same; of links, only that each leads to such a file. */
    boolean sameFile(@Nullable Inode one, Inode other) throws IOException {
        if (one == null || one.type() != other.type() || !sameAttributes(one, other)) {
            return false;
        }
        return switch (other.type()) {
            case REGULAR -> sameData(one, other);
            case SYMLINK -> Arrays.equals(lower.symlinkTarget(one), upper.symlinkTarget(other));
            case CHARACTER_DEVICE, BLOCK_DEVICE ->
                one.data().address() == other.data().address();
            case FIFO, SOCKET -> true;
            case DIRECTORY -> throw new IllegalArgumentException("a directory");
        };
    }

    private boolean sameData(Inode one, Inode other) throws IOException {
        long size = other.data().sizeBytes();
        if (one.data().sizeBytes() != size) {
            return false;
        }
        for (long at = 0; at < size; at += upperPiece.limit()) {
            lower.read(one, at, lowerPiece.clear());
            upper.read(other, at, upperPiece.clear());
            if (!lowerPiece.flip().equals(upperPiece.flip())) {
                return false;
            }
        }
        return true;
    }

    Inode lowerRoot() throws IOException {
        return lower.root();
    }

    Inode upperRoot() throws IOException {
        return upper.root();
    }

    /** Whether an entry of the upper tree is a directory. */
    static boolean isDirectory(@Nullable Inode inode) {
        return inode != null && inode.type() == FileType.DIRECTORY;
    }
}
