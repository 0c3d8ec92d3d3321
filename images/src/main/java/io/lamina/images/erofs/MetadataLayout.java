package io.lamina.images.erofs;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Where each inode and directory block of a tree goes. A tree is laid out once; afterwards it must not change.
 *
 * <p>The metadata consists of directory blocks, then inodes, breadth first, then shared attributes. A directory's last
 * block and a symbolic link's target lie behind the inode where they fit into the inode's block. Where one does not,
 * it waits until a later block, and inodes that have no such tail fill the gap.
 */
public final class MetadataLayout {
    /** Inodes that wait for a block with room; more would move them away from their neighbours. */
    private static final int MAX_WAITING = 32;

    private final TreeInode root;
    private final int blockSizeBytes;
    private final int blockBits;
    private final long startBlock;
    private final List<TreeInode> breadthFirst = new ArrayList<>();
    private final List<TreeInode> byPosition;
    private final Timestamp epoch;
    private final SharedXattrs sharedXattrs;
    private final long contentBlocks;
    private long inodeAreaBytes = Inode.NID_BYTES; // node id 0 is left out: readdir drops entries with inode number 0

    private MetadataLayout(TreeInode root, int blockBits, long startBlock) {
        this.root = root;
        this.blockBits = blockBits;
        this.blockSizeBytes = 1 << blockBits;
        this.startBlock = startBlock;
        walk();
        epoch = commonTime();
        sharedXattrs = SharedXattrs.of(breadthFirst);
        contentBlocks = placeContents();
        byPosition = new ArrayList<>(breadthFirst.size());
        placeInodes();
    }

    /**
     * Lays out a tree.
     *
     * @param root a directory; every directory below it has one name
     * @param blockBits log2 of the block size
     * @param startBlock the first block of the metadata
     */
    public static MetadataLayout of(TreeInode root, int blockBits, long startBlock) {
        return new MetadataLayout(root, blockBits, startBlock);
    }

    /** Number of inodes. */
    public long inodes() {
        return breadthFirst.size();
    }

    /** The first block behind the metadata. */
    public long endBlock() {
        return xattrBlock() + toBlocks(sharedXattrs.sizeBytes());
    }

    /** The first block behind the image: {@link #endBlock} and the padding. */
    public long paddedEndBlock() {
        return BlobOutput.paddedBlocks(endBlock(), blockBits);
    }

    TreeInode root() {
        return root;
    }

    int blockBits() {
        return blockBits;
    }

    int blockSizeBytes() {
        return blockSizeBytes;
    }

    Timestamp epoch() {
        return epoch;
    }

    SharedXattrs sharedXattrs() {
        return sharedXattrs;
    }

    List<TreeInode> breadthFirst() {
        return breadthFirst;
    }

    List<TreeInode> byPosition() {
        return byPosition;
    }

    long startBlock() {
        return startBlock;
    }

    /** The block from which node ids count. */
    long metaBlock() {
        return startBlock + contentBlocks;
    }

    /** The first block of the shared attributes. */
    long xattrBlock() {
        return metaBlock() + toBlocks(inodeAreaBytes);
    }

    private void walk() {
        ArrayDeque<TreeInode> parents = new ArrayDeque<>();
        ArrayDeque<TreeInode> directories = new ArrayDeque<>();
        reach(root, root, parents, directories);
        while (!directories.isEmpty()) {
            TreeInode self = directories.remove();
            Directory directory = ((Content.Entries) self.content()).directory();
            directory.seal(self, parents.remove());
            for (int i = 0; i < directory.count(); i++) {
                Directory.Entry entry = directory.entry(i);
                TreeInode child = entry.inode();
                if (child == null || Directory.isDotOrDotDot(entry.name())) {
                    continue;
                }
                reach(child, self, parents, directories);
            }
        }
    }

    private void reach(
            TreeInode inode, TreeInode parent, ArrayDeque<TreeInode> parents, ArrayDeque<TreeInode> directories) {
        if (inode.links() == 0) {
            breadthFirst.add(inode);
        }
        if (inode.content() instanceof Content.Entries) {
            if (inode.links() != 0) {
                throw new IllegalStateException("a directory with two names, or a tree laid out twice");
            }
            inode.setLinks(2);
            if (inode != parent) {
                parent.setLinks(parent.links() + 1);
            }
            parents.add(parent);
            directories.add(inode);
        } else {
            inode.setLinks(inode.links() + 1);
        }
    }

    /** The time that lets most inodes be compact; of equals the earliest. */
    private Timestamp commonTime() {
        Map<Timestamp, int[]> uses = new HashMap<>();
        for (TreeInode inode : breadthFirst) {
            Attributes attributes = inode.attributes();
            if (Inode.fitsCompact(attributes, inode.links(), sizeBytes(inode), attributes.mtime())) {
                uses.computeIfAbsent(attributes.mtime(), time -> new int[1])[0]++;
            }
        }
        Timestamp best = Timestamp.EPOCH;
        int most = 0;
        for (Map.Entry<Timestamp, int[]> entry : uses.entrySet()) {
            int count = entry.getValue()[0];
            if (count > most || (count == most && entry.getKey().compareTo(best) < 0)) {
                most = count;
                best = entry.getKey();
            }
        }
        return best;
    }

    private long placeContents() {
        long next = startBlock;
        for (TreeInode inode : breadthFirst) {
            inode.setExtended(!Inode.fitsCompact(inode.attributes(), inode.links(), sizeBytes(inode), epoch));
            long blocks = blocksOfContent(inode);
            inode.setContentBlock(next);
            next += blocks;
        }
        return next - startBlock;
    }

    private void placeInodes() {
        ArrayDeque<TreeInode> waiting = new ArrayDeque<>();
        for (TreeInode inode : breadthFirst) {
            TreeInode first = waiting.peek();
            while (first != null && (fits(first) || waiting.size() > MAX_WAITING)) {
                place(waiting.remove());
                first = waiting.peek();
            }
            if (fits(inode)) {
                place(inode);
            } else {
                waiting.add(inode);
            }
        }
        waiting.forEach(this::place);
    }

    private boolean fits(TreeInode inode) {
        return ((inodeAreaBytes + headBytes(inode)) & (blockSizeBytes - 1)) + tailBytes(inode) <= blockSizeBytes;
    }

    private void place(TreeInode inode) {
        if (!fits(inode)) {
            // The inode goes where its tail starts a block, but for the alignment of inodes.
            long missing = -(inodeAreaBytes + headBytes(inode)) & (blockSizeBytes - 1);
            inodeAreaBytes += roundUp(missing, Inode.NID_BYTES);
        }
        inode.setNid(Math.toIntExact(inodeAreaBytes / Inode.NID_BYTES));
        byPosition.add(inode);
        long end = inodeAreaBytes + headBytes(inode) + tailBytes(inode);
        int chunks = chunkCount(inode);
        if (chunks > 0) {
            end = roundUp(end, ChunkIndex.BYTES) + (long) chunks * ChunkIndex.BYTES;
        }
        end += indexBytes(inode);
        inodeAreaBytes = roundUp(end, Inode.NID_BYTES);
    }

    /** Bytes of the index of a compressed file behind its inode, the gap before it included. */
    private long indexBytes(TreeInode inode) {
        if (!(inode.content() instanceof Content.Compressed compressed)) {
            return 0;
        }
        long gap = -headBytes(inode) & (CompressionHeader.BYTES - 1);
        return gap + compressed.shape().bytes(headBytes(inode) + gap);
    }

    /** Which layout a compressed file's index has; inodes start where their places count from anew. */
    Inode.Layout layout(TreeInode inode, Content.Compressed compressed) {
        return compressed.shape().layout(roundUp(headBytes(inode), CompressionHeader.BYTES));
    }

    /** Chunk indexes behind the inode. */
    int chunkCount(TreeInode inode) {
        return switch (inode.content()) {
            case Content.Chunks chunks -> chunks.count();
            case Content.Tailed tailed when tailBytes(inode) == 0 -> tailed.chunkCount(blockBits);
            case Content.Tailed _,
                    Content.Compressed _,
                    Content.Entries _,
                    Content.Target _,
                    Content.Device _,
                    Content.Nothing _ -> 0;
        };
    }

    XattrBody xattrs(TreeInode inode) {
        return sharedXattrs.body(inode.attributes().xattrs());
    }

    private long headBytes(TreeInode inode) {
        int bytes = inode.extended() ? Inode.EXTENDED_BYTES : Inode.COMPACT_BYTES;
        return bytes + (long) xattrs(inode).sizeBytes();
    }

    /** The file's size as its inode tells it. */
    long sizeBytes(TreeInode inode) {
        return switch (inode.content()) {
            case Content.Entries entries -> entries.directory().sizeBytes(blockSizeBytes);
            case Content.Target target -> target.length();
            case Content.Chunks chunks -> chunks.sizeBytes();
            case Content.Tailed tailed -> tailed.sizeBytes();
            case Content.Compressed compressed -> compressed.sizeBytes();
            case Content.Device _, Content.Nothing _ -> 0;
        };
    }

    /** Bytes of contents right behind the inode and its attributes; they must not cross a block. */
    int tailBytes(TreeInode inode) {
        boolean hasTail = switch (inode.content()) {
            case Content.Entries _, Content.Target _, Content.Tailed _ -> true;
            case Content.Chunks _, Content.Compressed _, Content.Device _, Content.Nothing _ -> false;
        };
        if (!hasTail) {
            return 0;
        }
        int tail = (int) (sizeBytes(inode) & (blockSizeBytes - 1));
        // With this much room the root, at node id 1, always has its tail inline, and so has every other inode.
        boolean fitsSomewhere = (headBytes(inode) & (blockSizeBytes - 1)) + tail <= blockSizeBytes - Inode.NID_BYTES;
        return fitsSomewhere ? tail : 0;
    }

    /** Blocks of contents that the metadata stores apart from the inode. */
    private long blocksOfContent(TreeInode inode) {
        return switch (inode.content()) {
            case Content.Entries _, Content.Target _ -> toBlocks(sizeBytes(inode) - tailBytes(inode));
            case Content.Tailed _ -> tailBytes(inode) == 0 ? 1 : 0;
            case Content.Chunks _, Content.Compressed _, Content.Device _, Content.Nothing _ -> 0;
        };
    }

    private long toBlocks(long bytes) {
        return (bytes + blockSizeBytes - 1) >> blockBits;
    }

    private static long roundUp(long value, int unit) {
        return (value + unit - 1) & -unit;
    }
}
