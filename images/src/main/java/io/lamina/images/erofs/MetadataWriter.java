package io.lamina.images.erofs;

import java.io.IOException;
import java.util.List;
import java.util.UUID;

/** Writes a tree as it was laid out, and then the head of the image. */
public final class MetadataWriter {
    private final MetadataLayout layout;
    private final BlobOutput out;
    private final List<DeviceSlot> devices;
    private final CompressionConfigs compression;
    private final int blockSizeBytes;

    private MetadataWriter(
            MetadataLayout layout, BlobOutput out, List<DeviceSlot> devices, CompressionConfigs compression) {
        this.layout = layout;
        this.devices = devices;
        this.compression = compression;
        this.out = out;
        this.blockSizeBytes = layout.blockSizeBytes();
    }

    /** Bytes of the head of an image with this many devices besides the primary: whole blocks. */
    public static int headBytes(int blockBits, int devices) {
        return headBytes(blockBits, devices, CompressionConfigs.NONE);
    }

    /** As {@link #headBytes(int, int)}, for an image with compressed files. */
    public static int headBytes(int blockBits, int devices, CompressionConfigs compression) {
        long bytes = deviceTableByte(compression) + (long) devices * DeviceSlot.BYTES;
        long blockSizeBytes = 1L << blockBits;
        return Math.toIntExact((bytes + blockSizeBytes - 1) & -blockSizeBytes);
    }

    /** Behind the superblock and what follows it. */
    private static int deviceTableByte(CompressionConfigs compression) {
        int end = Superblock.START_BYTE + Superblock.BYTES + compression.bytes();
        return (end + DeviceSlot.BYTES - 1) & -DeviceSlot.BYTES;
    }

    /**
     * Completes an image.
     *
     * @param out stands at the layout's first block
     * @param devices the device table; may be empty
     * @return blocks of the image, padding included
     */
    public static long finish(MetadataLayout layout, BlobOutput out, List<DeviceSlot> devices, UUID uuid)
            throws IOException {
        return finish(layout, out, devices, CompressionConfigs.NONE, uuid);
    }

    /**
     * Completes an image that may have compressed files.
     *
     * @param compression what they need of a reader
     */
    public static long finish(
            MetadataLayout layout, BlobOutput out, List<DeviceSlot> devices, CompressionConfigs compression, UUID uuid)
            throws IOException {
        MetadataWriter writer = new MetadataWriter(layout, out, devices, compression);
        writer.writeContents();
        writer.writeInodes();
        return writer.writeHead(uuid);
    }

    private void writeContents() throws IOException {
        out.padTo((long) blockSizeBytes * layout.startBlock());
        for (TreeInode inode : layout.breadthFirst()) {
            switch (inode.content()) {
                case Content.Entries entries -> writeEntries(inode, entries.directory());
                case Content.Target target -> {
                    target.write(out, 0, target.length() - layout.tailBytes(inode));
                    out.padBlock();
                }
                case Content.Tailed tailed -> {
                    if (layout.tailBytes(inode) == 0) {
                        tailed.writeTail(out);
                        out.padBlock();
                    }
                }
                case Content.Chunks _, Content.Compressed _, Content.Device _, Content.Nothing _ -> {}
            }
        }
    }

    private void writeEntries(TreeInode inode, Directory directory) throws IOException {
        boolean lastIsInline = layout.tailBytes(inode) > 0;
        int from = 0;
        while (from < directory.count()) {
            int to = DirentBlocks.blockEnd(directory, from, blockSizeBytes);
            if (to == directory.count() && lastIsInline) {
                return;
            }
            DirentBlocks.write(out, directory, from, to);
            out.padBlock();
            from = to;
        }
    }

    private void writeInodes() throws IOException {
        long areaStart = layout.metaBlock() * blockSizeBytes;
        int serial = 1;
        for (TreeInode inode : layout.byPosition()) {
            out.padTo(areaStart + Integer.toUnsignedLong(inode.nid()) * Inode.NID_BYTES);
            XattrBody xattrs = layout.xattrs(inode);
            Inode.write(out, inode.attributes(), fields(inode, xattrs), inode.links(), serial++);
            xattrs.write(out, layout.sharedXattrs());
            writeTail(inode);
        }
        if (layout.sharedXattrs().sizeBytes() > 0) {
            out.padTo(layout.xattrBlock() * blockSizeBytes);
            layout.sharedXattrs().write(out);
        }
        out.padBlock();
    }

    private Inode.Fields fields(TreeInode inode, XattrBody xattrs) {
        long size = layout.sizeBytes(inode);
        int tail = layout.tailBytes(inode);
        Inode.Layout dataLayout = tail > 0 ? Inode.Layout.FLAT_INLINE : Inode.Layout.FLAT_PLAIN;
        int address = switch (inode.content()) {
            case Content.Entries _, Content.Target _ -> size > tail ? (int) inode.contentBlock() : Inode.NO_BLOCK;
            case Content.Chunks chunks -> {
                dataLayout = Inode.Layout.CHUNK_BASED;
                yield chunks.chunkBlockBits() | ChunkIndex.FORMAT_INDEXES;
            }
            case Content.Tailed tailed when tail > 0 -> tailedAddress(tailed);
            case Content.Tailed tailed -> {
                dataLayout = Inode.Layout.CHUNK_BASED;
                yield tailed.chunkBlockBits(layout.blockBits()) | ChunkIndex.FORMAT_INDEXES;
            }
            case Content.Compressed compressed -> {
                dataLayout = layout.layout(inode, compressed);
                yield compressed.blocks();
            }
            case Content.Device device -> device.number();
            case Content.Nothing _ -> Inode.NO_BLOCK;
        };
        return new Inode.Fields(inode.extended(), xattrs.icount(), dataLayout, size, address);
    }

    /** Contiguous data has no device id: its address counts in the flattened space. */
    private int tailedAddress(Content.Tailed tailed) {
        if (tailed.wholeBlocks(layout.blockBits()) == 0) {
            return Inode.NO_BLOCK;
        }
        return (int) (devices.get(tailed.deviceId() - 1).uniaddrBlock() + tailed.startBlock());
    }

    private void writeTail(TreeInode inode) throws IOException {
        int tail = layout.tailBytes(inode);
        switch (inode.content()) {
            case Content.Entries entries
            when tail > 0 -> {
                Directory directory = entries.directory();
                int from = 0;
                int to = DirentBlocks.blockEnd(directory, 0, blockSizeBytes);
                while (to < directory.count()) {
                    from = to;
                    to = DirentBlocks.blockEnd(directory, from, blockSizeBytes);
                }
                DirentBlocks.write(out, directory, from, to);
            }
            case Content.Target target when tail > 0 -> target.write(out, target.length() - tail, tail);
            case Content.Tailed tailed when tail > 0 -> tailed.writeTail(out);
            case Content.Tailed tailed -> {
                out.putZeroes(-out.positionBytes() & (ChunkIndex.BYTES - 1));
                tailed.writeChunks(out, layout.blockBits(), inode.contentBlock());
            }
            case Content.Chunks chunks -> {
                out.putZeroes(-out.positionBytes() & (ChunkIndex.BYTES - 1));
                chunks.write(out);
            }
            case Content.Compressed compressed -> {
                out.putZeroes(-out.positionBytes() & (CompressionHeader.BYTES - 1));
                compressed.write(out, devices.get(compressed.deviceId() - 1).uniaddrBlock());
            }
            case Content.Entries _, Content.Target _, Content.Device _, Content.Nothing _ -> {}
        }
    }

    private long writeHead(UUID uuid) throws IOException {
        byte[] head = new byte[headBytes(layout.blockBits(), devices.size(), compression)];
        int slot = deviceTableByte(compression);
        Superblock.Devices table = devices.isEmpty()
                ? Superblock.Devices.NONE
                : new Superblock.Devices(devices.size(), slot / DeviceSlot.BYTES);
        for (DeviceSlot device : devices) {
            device.write(head, slot);
            slot += DeviceSlot.BYTES;
        }
        Features features = new Features(
                Features.SB_CHKSUM | Features.MTIME | Features.XATTR_FILTER,
                Features.CHUNKED_FILE | (devices.isEmpty() ? 0 : Features.DEVICE_TABLE) | compression.incompat());
        long blocks = layout.paddedEndBlock();
        Areas areas = new Areas(layout.blockBits(), blocks, layout.metaBlock(), layout.xattrBlock());
        new Superblock(
                        features,
                        areas,
                        layout.epoch(),
                        new Superblock.Tables(table, compression, Superblock.Packed.NONE, 0),
                        new Superblock.Tree(layout.root().nid(), layout.inodes()),
                        uuid)
                .write(head);
        out.finish(head);
        return blocks;
    }
}
