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
    /** Of a metabox, whose inodes are read in any order; a larger one is decompressed more than once by a walk. */
    private static final long METABOX_KEPT_BYTES = 32 << 20;

    /** What addresses of 32 bits reach, without the one that means a hole. */
    private static final long MAX_SHORT_BLOCKS = 0xFFFF_FFFFL;

    private final ImageBytes bytes;
    private final Superblock superblock;
    private final List<DeviceSlot> devices;
    private final FileReader files;
    private final Map<Integer, Xattr> sharedXattrs = new HashMap<>();
    private final PackedData packed;
    private final Contents contents;
    private final Metabox metabox;
    private @Nullable XattrPrefixes xattrPrefixes;

    private ErofsImage(ByteSource source, ImageBytes bytes) throws IOException {
        this.bytes = bytes;
        long sourceBytes = bytes.endByte();
        this.superblock = Superblock.read(bytes);
        bytes.endAt(superblock.areas().lengthBytes());
        this.devices = readDevices();
        this.files = new FileReader(this, source, sourceBytes, 0);
        this.contents = new Contents(this, new FileReader(this, source, sourceBytes, 0));
        this.metabox = new Metabox(this, new FileReader(this, source, sourceBytes, METABOX_KEPT_BYTES));
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
            slots.add(DeviceSlot.read(
                    bytes,
                    start + (long) i * DeviceSlot.BYTES,
                    superblock.features().has48BitAddresses()));
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
        String structure = inode.place().inMetabox() ? "metabox: " + inode.label() : inode.label();
        return bytes.corrupt(structure, inode.place().startByte(), rule);
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

    /** The bytes that do not depend on where an inode lies. */
    ImageBytes bytes() {
        return bytes;
    }

    /** The bytes that an inode lies in, with all of its metadata. */
    ImageBytes bytesOf(Inode inode) throws IOException {
        return inode.place().inMetabox() ? metabox(inode.label()) : bytes;
    }

    boolean hasMetabox() {
        return metabox.exists();
    }

    /** The metabox's bytes; {@code user} is what leads there. */
    ImageBytes metabox(String user) throws IOException {
        return metabox.bytes(user);
    }

    /** Whether some file may have data that another image's metadata cannot point to, see {@link #whyNeedsCopy}. */
    public boolean mayNeedCopy() {
        Features features = superblock.features();
        return packed.exists()
                || features.hasInlineExtents()
                || features.has48BitAddresses()
                || !features.isZeroPadded()
                || !devices.isEmpty();
    }

    /** Why none of the image's data can be pointed to by another image's metadata as that is read, or null. */
    public @Nullable String whyNeedsCopyWhole() {
        if (hasMetabox()) {
            return "its metadata is compressed, and a merge would decompress it each time";
        }
        return superblock.areas().blocks() > MAX_SHORT_BLOCKS ? "it has more than 2^32 blocks" : null;
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
            throw corrupt(root, "the root is no directory");
        }
        return root;
    }

    /** The inode with a node id. */
    public Inode inode(long nid) throws IOException {
        return Inode.read(Inode.isInMetabox(nid) ? metabox(Inode.label(nid)) : bytes, superblock, nid);
    }

    /** The entries of a directory. */
    public DirentCursor entries(Inode directory) {
        return entries(directory, new WalkBudget(this));
    }

    /** The entries of a directory, as part of a walk of the whole tree. */
    public DirentCursor entries(Inode directory, WalkBudget walk) {
        if (directory.type() != FileType.DIRECTORY) {
            throw new IllegalArgumentException(directory.label() + " is no directory");
        }
        return new DirentCursor(this, directory, walk);
    }

    /** The target of a symbolic link. */
    public byte[] symlinkTarget(Inode link) throws IOException {
        return contents.symlinkTarget(link);
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
        bytesOf(file).copy(contents.inlineTailByte(file), tail, 0, tail.length);
        return tail;
    }

    /** Copies block {@code number} of a directory, see {@link Contents#copy}. */
    long copyBlock(Inode directory, long number, byte[] into, int length) throws IOException {
        return contents.copy(directory, number, into, 0, length);
    }
}
