package io.lamina.shim.ext4;

import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.shim.ext4.ExtentTree.Mapping;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An inode of the image in the making: what it is, from the tree, and where its parts lie, once that is settled. */
final class Node {
    private final Inode inode;
    private final int number;
    private final List<Attribute> attributes;
    private final byte[] target;
    private final List<DirectoryBlocks.Entry> entries = new ArrayList<>();

    /** Names that lead here; for a directory, its subdirectories. */
    private int names;

    private List<Mapping> mappings = List.of();
    private long treeStart;
    private @Nullable SharedBlock attributeBlock;

    /**
     * @param inode what EROFS says
     * @param number ext4's
     * @param attributes sorted
     * @param target of a symbolic link, else empty
     */
    Node(Inode inode, int number, List<Attribute> attributes, byte[] target) {
        this.inode = inode;
        this.number = number;
        this.attributes = attributes;
        this.target = target;
    }

    /** A block of attributes that several inodes point to. */
    static final class SharedBlock {
        private final List<Attribute> attributes;
        private final long block;
        private int references = 1;

        SharedBlock(List<Attribute> attributes, long block) {
            this.attributes = attributes;
            this.block = block;
        }

        List<Attribute> attributes() {
            return attributes;
        }

        long block() {
            return block;
        }

        int references() {
            return references;
        }

        /** Counts one more inode. */
        void share() {
            references++;
        }
    }

    Inode inode() {
        return inode;
    }

    int number() {
        return number;
    }

    FileType type() {
        return inode.type();
    }

    /** The type in a directory entry: both formats number them as linux/fs_types.h does. */
    int fileTypeCode() {
        return type().direntCode();
    }

    List<Attribute> attributes() {
        return attributes;
    }

    byte[] target() {
        return target;
    }

    List<DirectoryBlocks.Entry> entries() {
        return entries;
    }

    void addName() {
        names++;
    }

    /** What {@code i_links_count} says; for a directory 2 and its subdirectories, or 1 where that is too much. */
    int links() {
        if (type() != FileType.DIRECTORY) {
            return names;
        }
        return names + 2 > InodeWriter.MAX_LINKS ? 1 : names + 2;
    }

    List<Mapping> mappings() {
        return mappings;
    }

    long treeStart() {
        return treeStart;
    }

    void map(List<Mapping> to, long treeStartBlock) {
        mappings = to;
        treeStart = treeStartBlock;
    }

    @Nullable
    SharedBlock attributeBlock() {
        return attributeBlock;
    }

    void attributesIn(SharedBlock block) {
        attributeBlock = block;
    }

    /** Blocks that the inode has to itself or shares, which {@code i_blocks} counts. */
    long blocks() {
        long sum = ExtentTree.treeBlocks(mappings) + (attributeBlock == null ? 0 : 1);
        for (Attribute attribute : attributes) {
            ValueInode value = attribute.inode();
            sum += value == null ? 0 : value.blocks();
        }
        for (Mapping mapping : mappings) {
            sum += mapping.blocks();
        }
        return sum;
    }
}
