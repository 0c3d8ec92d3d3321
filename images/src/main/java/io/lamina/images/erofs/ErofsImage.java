package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An EROFS image to be read. Nothing in it is trusted: a field that leads outside, back or nowhere is a
 * {@link CorruptImageException} that names structure, byte and rule; something valid that this version does not read is
 * an {@link UnsupportedImageException}. Data of further devices is looked up in the same file, at the address that
 * the device table gives (a flattened image).
 *
 * <p>One thread at a time: the image keeps the pages it read last. It does not own its source.
 */
public final class ErofsImage {
    private final ImageBytes bytes;
    private final Superblock superblock;
    private final List<DeviceSlot> devices;
    private final FileReader files;
    private final Map<Integer, Xattr> sharedXattrs = new HashMap<>();
    private final PackedData packed;
    private @Nullable XattrPrefixes xattrPrefixes;

    private ErofsImage(ByteSource source, ImageBytes bytes) throws IOException {
        this.bytes = bytes;
        long sourceBytes = bytes.endByte();
        this.superblock = Superblock.read(bytes);
        bytes.endAt(superblock.areas().lengthBytes());
        this.devices = readDevices();
        this.files = new FileReader(this, source, sourceBytes);
        this.packed = new PackedData(this, source, sourceBytes);
    }

    /**
     * Opens an image in a file.
     *
     * @param name what messages call it
     * @param file open for reading as long as the image is used; the caller closes it
     */
    public static ErofsImage open(String name, FileChannel file) throws IOException {
        return open(name, ByteSource.of(file));
    }

    /** Opens an image in memory, from {@code memory}'s position to its limit. */
    public static ErofsImage open(String name, ByteBuffer memory) throws IOException {
        return open(name, ByteSource.of(memory));
    }

    /** Opens an image in any source. */
    public static ErofsImage open(String name, ByteSource source) throws IOException {
        return new ErofsImage(source, new ImageBytes(name, source, source.lengthBytes()));
    }

    private List<DeviceSlot> readDevices() throws IOException {
        Superblock.Devices table = superblock.devices();
        long start = (long) table.slotOffset() * DeviceSlot.BYTES;
        bytes.check("device table", start, (long) table.count() * DeviceSlot.BYTES);
        List<DeviceSlot> slots = new ArrayList<>(table.count());
        for (int i = 0; i < table.count(); i++) {
            slots.add(DeviceSlot.read(bytes, start + (long) i * DeviceSlot.BYTES));
        }
        return List.copyOf(slots);
    }

    /** What messages call the image. */
    public String name() {
        return bytes.name();
    }

    /** The superblock. */
    public Superblock superblock() {
        return superblock;
    }

    /** The device table; device id 1 is its first entry. */
    public List<DeviceSlot> devices() {
        return devices;
    }

    /** The failure that {@code rule} is broken by {@code inode}, for readers that know more about the tree. */
    public CorruptImageException corrupt(Inode inode, String rule) {
        return bytes.corrupt("inode " + inode.place().nid(), inode.place().startByte(), rule);
    }

    /** Fills {@code into} with data of a file that lies at {@code sourceByte} of the image. */
    void copyData(Inode file, long sourceByte, byte[] into) throws IOException {
        files.fill(file, sourceByte, into);
    }

    /** Copies data that {@code file} has in the packed inode. */
    void copyPacked(Inode file, long startByte, byte[] into, int at, int length) throws IOException {
        packed.copy(file, startByte, into, at, length);
    }

    /** The prefixes that attribute names of this image may start with. */
    XattrPrefixes xattrPrefixes() throws IOException {
        XattrPrefixes known = xattrPrefixes;
        if (known == null) {
            known = XattrPrefixes.read(this, packed);
            xattrPrefixes = known;
        }
        return known;
    }

    ImageBytes bytes() {
        return bytes;
    }

    /** Whether some file may have data that another image's metadata cannot point to, see {@link #whyNeedsCopy}. */
    public boolean mayNeedCopy() {
        Features features = superblock.features();
        return packed.exists() || features.hasInlineExtents() || !features.isZeroPadded() || !devices.isEmpty();
    }

    /** Why another image's metadata cannot point to a regular file's data, or null if it can. */
    public @Nullable String whyNeedsCopy(Inode file) throws IOException {
        long size = file.data().sizeBytes();
        if (size == 0) {
            return null;
        }
        return switch (file.data().layout()) {
            case COMPRESSED_FULL, COMPRESSED_COMPACT -> RelocatedIndex.obstacle(this, file);
            case FLAT_PLAIN -> devices.isEmpty() ? null : "it has data both on a second device and before that";
            case FLAT_INLINE ->
                devices.isEmpty() || size < superblock.areas().blockSizeBytes()
                        ? null
                        : "it has data both on a second device and before that";
            case CHUNK_BASED -> null;
        };
    }

    /** The root directory. */
    public Inode root() throws IOException {
        Inode root = inode(superblock.tree().rootNid());
        if (root.type() != FileType.DIRECTORY) {
            throw bytes.corrupt("root inode", root.place().startByte(), "is no directory");
        }
        return root;
    }

    /** The inode with a node id. */
    public Inode inode(long nid) throws IOException {
        return Inode.read(bytes, superblock, nid);
    }

    /** The entries of a directory. */
    public DirentCursor entries(Inode directory) {
        return entries(directory, new WalkBudget(this));
    }

    /** The entries of a directory, as part of a walk of the whole tree. */
    public DirentCursor entries(Inode directory, WalkBudget walk) {
        if (directory.type() != FileType.DIRECTORY) {
            throw new IllegalArgumentException("inode " + directory.place().nid() + " is no directory");
        }
        return new DirentCursor(this, directory, walk);
    }

    /** The target of a symbolic link. */
    public byte[] symlinkTarget(Inode link) throws IOException {
        int length = (int) link.data().sizeBytes();
        int blockSizeBytes = superblock.areas().blockSizeBytes();
        byte[] target = new byte[length];
        for (int done = 0; done < length; done += blockSizeBytes) {
            int count = Math.min(blockSizeBytes, length - done);
            bytes.copy(flatContentByte(link, done / blockSizeBytes, count), target, done, count);
        }
        for (byte b : target) {
            if (b == 0) {
                throw bytes.corrupt(
                        "symbolic link of inode " + link.place().nid(),
                        link.place().startByte(),
                        "holds NUL");
            }
        }
        return target;
    }

    /** The extended attributes of an inode. */
    public Xattrs xattrs(Inode inode) throws IOException {
        return inode.place().xattrBytes() == 0 ? Xattrs.NONE : new XattrReader(this, sharedXattrs).read(inode);
    }

    /** The chunks of a regular file, whose data is plain or chunk-based. */
    public ChunkMap chunks(Inode file) throws IOException {
        return ChunkMap.of(this, file);
    }

    /**
     * Reads a regular file from {@code offsetBytes} on, until {@code into} is full or the file ends.
     *
     * @return bytes read, 0 at or behind the end
     */
    public int read(Inode file, long offsetBytes, ByteBuffer into) throws IOException {
        return files.read(file, offsetBytes, into);
    }

    /** The bytes of a regular file that lie in the metadata, behind its last whole block. */
    public byte[] inlineTail(Inode file) throws IOException {
        byte[] tail =
                new byte[(int) (file.data().sizeBytes() & (superblock.areas().blockSizeBytes() - 1))];
        bytes.copy(inlineTailByte(file), tail, 0, tail.length);
        return tail;
    }

    /** Where block {@code number} of a directory or symbolic link starts, with {@code length} bytes inside the image. */
    long flatContentByte(Inode inode, long number, int length) throws IOException {
        int blockBits = superblock.areas().blockBits();
        long size = inode.data().sizeBytes();
        long start = switch (inode.data().layout()) {
            case FLAT_PLAIN -> (inode.data().startBlock() + number) << blockBits;
            case FLAT_INLINE -> {
                if (number < size >> blockBits) {
                    yield (inode.data().startBlock() + number) << blockBits;
                }
                yield inlineTailByte(inode);
            }
            case CHUNK_BASED, COMPRESSED_FULL, COMPRESSED_COMPACT ->
                throw new UnsupportedImageException(
                        name() + ": inode " + inode.place().nid(),
                        "a directory or symbolic link with data layout "
                                + inode.data().layout() + " is not read");
        };
        bytes.check("contents of inode " + inode.place().nid(), start, length);
        return start;
    }

    /** Where the tail of an inode with {@code FLAT_INLINE} lies; it must not cross a block. */
    long inlineTailByte(Inode inode) throws IOException {
        int blockSizeBytes = superblock.areas().blockSizeBytes();
        long start = inode.place().endByte();
        long tail = inode.data().sizeBytes() & (blockSizeBytes - 1);
        if ((start & (blockSizeBytes - 1)) + tail > blockSizeBytes) {
            throw bytes.corrupt("inode " + inode.place().nid(), start, "inline tail crosses a block");
        }
        bytes.check("inline tail", start, tail);
        return start;
    }
}
