package io.lamina.images.merge;

import io.lamina.images.erofs.Attributes;
import io.lamina.images.erofs.ChunkIndex;
import io.lamina.images.erofs.ChunkMap;
import io.lamina.images.erofs.CompressionConfigs;
import io.lamina.images.erofs.Content;
import io.lamina.images.erofs.DirentCursor;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.FileType;
import io.lamina.images.erofs.Inode;
import io.lamina.images.erofs.TreeInode;
import io.lamina.images.erofs.WalkBudget;
import io.lamina.images.erofs.Xattrs;
import io.lamina.images.layer.LayerXattrs;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One layer during a merge: what has been read of it, and how its inodes become inodes of the merged tree. */
final class MergeLayer {
    private final ErofsImage image;
    private final int deviceId;
    private final LayerData data;
    private final WalkBudget walk;
    private CompressionConfigs compression = CompressionConfigs.NONE;
    private final Set<Long> directories = new HashSet<>();
    /** Inodes of several names, by node id. */
    private final Map<Long, TreeInode> linked = new HashMap<>();

    MergeLayer(ErofsImage image, LayerData data, int deviceId) {
        this.image = image;
        this.data = data;
        this.deviceId = deviceId;
        this.walk = new WalkBudget(image);
    }

    /** Position in the stack; a higher layer hides a lower one. */
    int deviceId() {
        return deviceId;
    }

    /** What messages call the layer. */
    String name() {
        return image.name();
    }

    byte[] symlinkTarget(Inode link) throws IOException {
        return image.symlinkTarget(link);
    }

    /** The entry of a directory, or null; outside of the walk of the whole tree. */
    @Nullable
    Inode find(Inode directory, byte[] name) throws IOException {
        DirentCursor entries = image.entries(directory);
        while (entries.next()) {
            if (Arrays.equals(entries.name(), name)) {
                return image.inode(entries.nid());
            }
        }
        return null;
    }

    Inode root() throws IOException {
        return image.root();
    }

    Inode inode(long nid) throws IOException {
        return image.inode(nid);
    }

    Xattrs xattrs(Inode inode) throws IOException {
        return image.xattrs(inode);
    }

    /** The entries of a directory; a directory is entered by one name only. */
    DirentCursor enter(Inode directory) throws IOException {
        if (!directories.add(directory.place().nid())) {
            throw image.corrupt(directory, "the directory has two names, or contains itself");
        }
        walk.spend(directory);
        return image.entries(directory, walk);
    }

    static boolean isWhiteout(Inode inode) {
        return inode.type() == FileType.CHARACTER_DEVICE && inode.data().address() == Content.Device.WHITEOUT.number();
    }

    /** Attributes as the merged tree has them: without those that only steer the stacking. */
    static Attributes attributes(Inode inode, Xattrs xattrs) {
        Xattrs kept = xattrs.without(attribute -> LayerXattrs.isStacking(attribute.fullName()));
        return new Attributes(inode.mode(), inode.owner(), inode.mtime(), kept);
    }

    /** The merged inode of a file that is no directory; names of one file share it. */
    TreeInode file(Inode inode) throws IOException {
        long nid = inode.place().nid();
        TreeInode known = linked.get(nid);
        if (known != null) {
            return known;
        }
        walk.spend(inode);
        TreeInode made = new TreeInode(attributes(inode, image.xattrs(inode)), content(inode));
        if (inode.links() > 1) {
            linked.put(nid, made);
        }
        return made;
    }

    private Content content(Inode inode) throws IOException {
        return switch (inode.type()) {
            case REGULAR -> inode.data().sizeBytes() == 0 ? Content.Nothing.INSTANCE : regular(inode);
            case SYMLINK -> new Content.Target(image.symlinkTarget(inode));
            case CHARACTER_DEVICE, BLOCK_DEVICE ->
                new Content.Device(inode.data().address());
            case FIFO, SOCKET -> Content.Nothing.INSTANCE;
            case DIRECTORY ->
                throw new IllegalArgumentException("inode " + inode.place().nid() + " is a directory");
        };
    }

    private Content regular(Inode inode) throws IOException {
        return switch (inode.data().layout()) {
            case FLAT_PLAIN, CHUNK_BASED -> chunks(image.chunks(inode));
            case FLAT_INLINE -> tailed(inode);
            case COMPRESSED_FULL, COMPRESSED_COMPACT -> compressed(inode);
        };
    }

    private Content compressed(Inode inode) throws IOException {
        compression = image.superblock().compression();
        return new Content.Compressed(image, inode, deviceId);
    }

    /** What those compressed files need of a reader that were met so far. */
    CompressionConfigs compression() {
        return compression;
    }

    private Content tailed(Inode inode) throws IOException {
        int blockBits = image.superblock().areas().blockBits();
        long size = inode.data().sizeBytes();
        long blocks = size >> blockBits;
        if (size == blocks << blockBits) {
            throw image.corrupt(inode, "inline data without a tail, " + size + " bytes");
        }
        long start = blocks == 0 ? 0 : inode.data().startBlock();
        if (blocks > 0) {
            checkBlocks(inode, 0, start, blocks);
        }
        return new Content.Tailed(size, deviceId, start, () -> image.inlineTail(inode));
    }

    private void checkBlocks(Inode inode, int ownDeviceId, long start, long blocks) throws IOException {
        if (ownDeviceId != data.ownDeviceId() || blocks > data.blocks() || start > data.blocks() - blocks) {
            throw image.corrupt(
                    inode,
                    blocks + " blocks from block " + start + " of device " + ownDeviceId + " on are not among the "
                            + data.blocks() + " blocks of device " + data.ownDeviceId());
        }
    }

    private Content chunks(ChunkMap map) throws IOException {
        long[] indexes = new long[map.count()];
        for (int i = 0; i < indexes.length; i++) {
            long index = map.index(i);
            if (ChunkIndex.isHole(index)) {
                indexes[i] = ChunkIndex.HOLE;
                continue;
            }
            long start = ChunkIndex.startBlock(index);
            checkBlocks(map.inode(), ChunkIndex.deviceId(index), start, map.blocks(i));
            indexes[i] = ChunkIndex.of(deviceId, start);
        }
        return new Content.Chunks(map.inode().data().sizeBytes(), map.chunkBlockBits(), indexes);
    }
}
