package io.lamina.shim.ext4;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.device.DeviceReader;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.RawWriter;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.oci.Digest;
import io.lamina.shim.ext4.ExtentTree.Mapping;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Writes the merged tree of a flattened device as a read-only ext4 image: no journal, no hash indexes, nothing unused but
 * up to a multiple of 512 KiB. The same device gives the same bytes. Times beyond ext4's range (1901 to 2446) become its
 * ends; attributes that only steer the stacking of layers are left out.
 */
public final class Ext4Image {
    private final ErofsImage image;
    private final FileBlocks files;
    private final Digest identity;
    private final TreeScan.Tree tree;
    /** The newest block of equal attributes; an older one has all the inodes that it may have. */
    private final Map<List<Attribute>, Node.SharedBlock> sharedBlocks = new HashMap<>();

    private final List<Node.SharedBlock> attributeBlocks = new ArrayList<>();
    private Ext4Layout layout;
    private long nextBlock;

    private Ext4Image(FlattenedDevice device, DeviceReader reader, String name) throws IOException {
        this.image = ErofsImage.open(name, reader.bytes());
        this.files = new FileBlocks(device, reader, image);
        this.identity = Digest.ofContent(("ext4 of " + device.rootHash().hex()).getBytes(StandardCharsets.US_ASCII));
        this.tree = TreeScan.of(image, SuperblockWriter.uuid(identity));
        this.layout = Ext4Layout.of(name, tree.usedInodes(), place());
        // Where everything comes to lie is known now that its amount is.
        nextBlock = layout.content();
        sharedBlocks.clear();
        attributeBlocks.clear();
        place();
    }

    /**
     * Writes the image.
     *
     * @param device whose merged tree is written
     * @param target an empty file
     * @return the image's size in bytes, a multiple of 512 KiB
     * @throws UnsupportedImageException if the tree holds what ext4 cannot: names of attributes that do not
     *     fit a block, more than 65,000 names of a file, 16 TiB
     */
    public static long write(FlattenedDevice device, FileChannel target) throws IOException {
        try (DeviceReader reader = DeviceReader.open(device)) {
            Ext4Image image = new Ext4Image(device, reader, "device " + device.rootHash());
            image.write(target);
            return image.layout.sizeBytes();
        }
    }

    /** Gives every node its blocks, from {@link #nextBlock} on; answers how many that are. Metadata comes first. */
    private long place() throws IOException {
        long start = nextBlock;
        for (Node node : tree.nodes()) {
            placeAttributes(node);
            if (node.type() == FileType.DIRECTORY) {
                placeBlocks(node, DirectoryBlocks.count(node.entries()));
            } else if (node.type() == FileType.SYMLINK && node.target().length > InodeWriter.MAX_INLINE_TARGET_BYTES) {
                placeBlocks(node, 1);
            }
        }
        for (ValueInode value : tree.values()) {
            value.placed(nextBlock);
            nextBlock += value.blocks();
        }
        for (Node node : tree.nodes()) {
            if (node.type() == FileType.REGULAR) {
                // How many tree blocks there are depends on the number of extents alone, not on where they are.
                long treeBlocks = ExtentTree.treeBlocks(files.mappings(node.inode(), 0));
                List<Mapping> mappings = files.mappings(node.inode(), nextBlock + treeBlocks);
                node.map(mappings, nextBlock);
                nextBlock += treeBlocks;
                for (Mapping mapping : mappings) {
                    nextBlock += mapping.blocks();
                }
            }
        }
        return nextBlock - start;
    }

    private void placeAttributes(Node node) {
        List<Attribute> attributes = node.attributes();
        if (attributes.isEmpty() || AttributeArea.fitsInode(attributes)) {
            return;
        }
        Node.SharedBlock shared = sharedBlocks.get(attributes);
        if (shared == null || shared.references() == AttributeArea.MAX_REFERENCES) {
            shared = new Node.SharedBlock(attributes, nextBlock++);
            sharedBlocks.put(attributes, shared);
            attributeBlocks.add(shared);
        } else {
            shared.share();
        }
        node.attributesIn(shared);
    }

    private void placeBlocks(Node node, long blocks) {
        List<Mapping> mappings = List.of(new Mapping(0, blocks, 0));
        long treeBlocks = ExtentTree.treeBlocks(mappings);
        node.map(List.of(new Mapping(0, blocks, nextBlock + treeBlocks)), nextBlock);
        nextBlock += treeBlocks + blocks;
    }

    private void write(FileChannel target) throws IOException {
        BitSet directories = new BitSet();
        tree.nodes().stream()
                .filter(node -> node.type() == FileType.DIRECTORY)
                .forEach(node -> directories.set(node.number()));
        int used = tree.usedInodes();
        put(target, SuperblockWriter.START_BYTE, SuperblockWriter.of(layout, tree, identity));
        put(target, Ext4Layout.BLOCK_BYTES, GroupTable.descriptors(layout, used, directories));
        put(target, blockByte(layout.blockBitmaps()), GroupTable.blockBitmaps(layout));
        put(target, blockByte(layout.inodeBitmaps()), GroupTable.inodeBitmaps(layout, used));
        try (MetadataBlocks blocks = new MetadataBlocks(target)) {
            writeInodes(target, blocks);
            writeContents(target, blocks);
        }
        RawWriter.extendTo(target, layout.sizeBytes());
    }

    private void writeInodes(FileChannel target, MetadataBlocks blocks) throws IOException {
        try (InodeTable table = new InodeTable(layout, target)) {
            for (Node node : tree.nodes()) {
                InodeWriter.write(node, table.inode(node.number()), sizeBytes(node), blocks);
            }
            for (ValueInode value : tree.values()) {
                InodeWriter.write(value, table.inode(value.number()), blocks);
            }
        }
    }

    private static long sizeBytes(Node node) {
        return switch (node.type()) {
            case DIRECTORY -> DirectoryBlocks.count(node.entries()) * Ext4Layout.BLOCK_BYTES;
            case SYMLINK -> node.target().length;
            case REGULAR -> node.inode().data().sizeBytes();
            case CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> 0;
        };
    }

    private void writeContents(FileChannel target, MetadataBlocks blocks) throws IOException {
        for (Node.SharedBlock shared : attributeBlocks) {
            blocks.put(shared.block(), AttributeArea.block(shared.attributes(), shared.references()));
        }
        for (ValueInode value : tree.values()) {
            blocks.put(value.startBlock(), value.content());
        }
        for (Node node : tree.nodes()) {
            if (node.mappings().isEmpty()) {
                continue;
            }
            long start = node.mappings().getFirst().startBlock();
            switch (node.type()) {
                case DIRECTORY -> {
                    Node parent = Objects.requireNonNull(tree.parents().get(node), "a directory's parent");
                    blocks.put(start, DirectoryBlocks.write(node, parent));
                }
                case SYMLINK -> {
                    ByteBuffer block = ByteBuffer.allocate(Ext4Layout.BLOCK_BYTES);
                    blocks.put(start, block.put(node.target()).rewind());
                }
                case REGULAR -> files.write(node.inode(), node.mappings(), target);
                case CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, SOCKET -> {}
            }
        }
    }

    private static long blockByte(long block) {
        return block * Ext4Layout.BLOCK_BYTES;
    }

    private static void put(FileChannel target, long startByte, ByteBuffer content) throws IOException {
        RawWriter.writeFully(target, content, startByte);
    }
}
