package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The superblock, 128 bytes at byte 1024
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_super_block</a>).
 *
 * @param features what the image uses
 * @param areas where its parts lie
 * @param epoch the time of each compact inode
 * @param tables what else it leads to
 * @param tree the root and the number of inodes
 * @param uuid the image's name
 */
public record Superblock(Features features, Areas areas, Timestamp epoch, Tables tables, Tree tree, UUID uuid) {
    /** Where the superblock starts, in bytes. */
    public static final int START_BYTE = 1024;

    /** Its size without extension slots, in bytes. */
    public static final int BYTES = 128;

    static final int MAGIC = 0xE0F5E1E2;
    /** A sector is the least block, a page of x86 the largest; larger blocks do not mount there. */
    static final int MIN_BLOCK_BITS = 9;

    static final int MAX_BLOCK_BITS = 12;

    static final int CHECKSUM = 4;
    private static final int FEATURE_COMPAT = 8;
    private static final int BLKSZBITS = 12;
    private static final int SB_EXTSLOTS = 13;
    private static final int ROOT_NID = 14;
    /** Instead of the root's node id, where that has a field to itself. */
    private static final int BLOCKS_HI = 14;

    private static final int INOS = 16;
    private static final int EPOCH = 24;
    private static final int FIXED_NSEC = 32;
    private static final int BLOCKS = 36;
    private static final int META_BLKADDR = 40;
    private static final int XATTR_BLKADDR = 44;
    private static final int UUID_BYTES = 48;
    private static final int FEATURE_INCOMPAT = 80;
    private static final int ALGORITHMS = 84;
    private static final int EXTRA_DEVICES = 86;
    private static final int DEVT_SLOTOFF = 88;
    private static final int DIRBLKBITS = 90;
    private static final int XATTR_PREFIX_COUNT = 91;
    private static final int XATTR_PREFIX_START = 92;
    private static final int PACKED_NID = 96;
    private static final int LONG_ROOT_NID = 112;
    private static final int METABOX_NID = 128;
    private static final int EXTSLOT_BYTES = 16;
    private static final int PREFIX_UNIT_BYTES = 4;

    /**
     * What some images have.
     *
     * @param devices how many further devices there are, and where their table is
     * @param compression limits of the compressions in use
     * @param packed what lies in the packed inode, or might
     * @param metaboxNid node id of the inode whose data is metadata, 0 if there is none
     */
    record Tables(Devices devices, CompressionConfigs compression, Packed packed, long metaboxNid) {}

    /**
     * The packed inode, which holds tails of files, and the prefixes of attribute names.
     *
     * @param nid its node id, 0 if there is none
     * @param prefixCount number of prefixes
     * @param prefixStartByte where they start, in the packed inode or in the image
     */
    record Packed(long nid, int prefixCount, long prefixStartByte) {
        static final Packed NONE = new Packed(0, 0, 0);
    }

    /** How many further devices there are, and where their table is. */
    public Devices devices() {
        return tables.devices();
    }

    /** What compressed files of the image need of a reader; says nothing of whether there are any. */
    public CompressionConfigs compression() {
        return tables.compression();
    }

    long metaboxNid() {
        return tables.metaboxNid();
    }

    Packed packed() {
        return tables.packed();
    }

    /**
     * The device table's place.
     *
     * @param count devices besides the primary, 0 to 65,535
     * @param slotOffset its start in units of {@link DeviceSlot#BYTES}
     */
    public record Devices(int count, int slotOffset) {
        /** No table. */
        public static final Devices NONE = new Devices(0, 0);
    }

    /**
     * The tree's numbers.
     *
     * @param rootNid the root directory's node id
     * @param inodes inodes in the image, for statfs only
     */
    public record Tree(long rootNid, long inodes) {}

    /** Reads and checks the superblock; order: length, magic, features, checksum, fields. */
    static Superblock read(ImageBytes image) throws IOException {
        image.check("superblock", START_BYTE, BYTES);
        int magic = image.i32(START_BYTE);
        if (magic != MAGIC) {
            throw corrupt(image, 0, "magic is 0x%08x, not 0x%08x: no EROFS image".formatted(magic, MAGIC));
        }
        int blockBits = image.u8(START_BYTE + BLKSZBITS);
        if (blockBits < MIN_BLOCK_BITS || blockBits > MAX_BLOCK_BITS) {
            throw corrupt(image, BLKSZBITS, "log2 of the block size is " + blockBits + ", not 9 to 12");
        }
        Features features =
                new Features(image.i32(START_BYTE + FEATURE_COMPAT), image.i32(START_BYTE + FEATURE_INCOMPAT));
        int unknown = features.incompat() & ~Features.KNOWN_INCOMPAT;
        if (unknown != 0) {
            throw new UnsupportedImageException(
                    image.name() + ": superblock", "incompatible features 0x%x are not known".formatted(unknown));
        }
        if (features.hasChecksum()) {
            verifyChecksum(image, blockBits);
        }
        return readFields(image, features, blockBits);
    }

    private static Superblock readFields(ImageBytes image, Features features, int blockBits) throws IOException {
        long extended = BYTES + (long) EXTSLOT_BYTES * image.u8(START_BYTE + SB_EXTSLOTS);
        image.check("superblock", START_BYTE, extended);
        if (image.u8(START_BYTE + DIRBLKBITS) != 0) {
            throw corrupt(image, DIRBLKBITS, "dirblkbits is not 0");
        }
        long nanos = image.u32(START_BYTE + FIXED_NSEC);
        if (nanos >= Timestamp.NANOS_PER_SECOND) {
            throw corrupt(image, FIXED_NSEC, "nanoseconds are " + nanos);
        }
        long longRootNid = features.has48BitAddresses() ? image.i64(START_BYTE + LONG_ROOT_NID) : 0;
        int blocksHi = longRootNid == 0 ? 0 : image.u16(START_BYTE + BLOCKS_HI);
        Areas areas = new Areas(
                blockBits,
                image.u32(START_BYTE + BLOCKS) | (long) blocksHi << Integer.SIZE,
                image.u32(START_BYTE + META_BLKADDR),
                image.u32(START_BYTE + XATTR_BLKADDR));
        if (areas.lengthBytes() > image.endByte()) {
            throw corrupt(
                    image, BLOCKS, areas.blocks() + " blocks do not fit the file's " + image.endByte() + " bytes");
        }
        Devices devices = features.hasDeviceTable()
                ? new Devices(image.u16(START_BYTE + EXTRA_DEVICES), image.u16(START_BYTE + DEVT_SLOTOFF))
                : Devices.NONE;
        byte[] uuid = new byte[16];
        image.copy(START_BYTE + UUID_BYTES, uuid, 0, uuid.length);
        ByteBuffer halves = ByteBuffer.wrap(uuid);
        return new Superblock(
                features,
                areas,
                new Timestamp(image.i64(START_BYTE + EPOCH), (int) nanos),
                new Tables(
                        devices,
                        readCompression(image, features, START_BYTE + extended),
                        readPacked(image, features),
                        features.hasMetabox() ? readMetaboxNid(image, extended) : 0),
                new Tree(
                        longRootNid == 0 ? image.u16(START_BYTE + ROOT_NID) : longRootNid,
                        image.i64(START_BYTE + INOS)),
                new UUID(halves.getLong(), halves.getLong()));
    }

    private static CompressionConfigs readCompression(ImageBytes image, Features features, long configsByte)
            throws IOException {
        int algorithms = image.u16(START_BYTE + ALGORITHMS);
        CompressionConfigs configs = features.hasCompressionConfigs()
                ? CompressionConfigs.read(image, algorithms, configsByte)
                : CompressionConfigs.lz4(algorithms); // the field is the distance then
        return configs.withDeduplication(features.hasFragments());
    }

    private static long readMetaboxNid(ImageBytes image, long superblockBytes) throws IOException {
        if (superblockBytes < METABOX_NID + Long.BYTES) {
            throw corrupt(image, SB_EXTSLOTS, "the metabox feature is set, but no slot holds the metabox's node id");
        }
        long nid = image.i64(START_BYTE + METABOX_NID);
        if (nid <= 0) {
            throw corrupt(image, METABOX_NID, "the metabox's node id is %d, or lies within it".formatted(nid));
        }
        return nid;
    }

    private static Packed readPacked(ImageBytes image, Features features) throws IOException {
        boolean prefixes = features.hasXattrPrefixes();
        long nid = features.hasFragments() ? image.i64(START_BYTE + PACKED_NID) : 0;
        if (nid < 0) {
            throw corrupt(image, PACKED_NID, "the packed inode lies in the metabox");
        }
        return new Packed(
                nid,
                prefixes ? image.u8(START_BYTE + XATTR_PREFIX_COUNT) : 0,
                prefixes ? image.u32(START_BYTE + XATTR_PREFIX_START) * PREFIX_UNIT_BYTES : 0);
    }

    private static void verifyChecksum(ImageBytes image, int blockBits) throws IOException {
        int length = checksummedBytes(blockBits);
        image.check("superblock", START_BYTE, length);
        byte[] covered = new byte[length];
        image.copy(START_BYTE, covered, 0, length);
        int found = image.i32(START_BYTE + CHECKSUM);
        int actual = checksum(covered, 0, length);
        if (found != actual) {
            throw corrupt(image, CHECKSUM, "checksum is 0x%08x, the bytes give 0x%08x".formatted(found, actual));
        }
    }

    /**
     * Writes the superblock into the first blocks of an image, and its checksum last: with 4 KiB blocks that covers the
     * start of the device table too, which must be there by now.
     */
    void write(byte[] head) {
        ByteBuffer out = ByteBuffer.wrap(head, START_BYTE, BYTES).slice().order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(0, MAGIC);
        out.putInt(FEATURE_COMPAT, features.compat() | Features.SB_CHKSUM);
        out.put(BLKSZBITS, (byte) areas.blockBits());
        out.putShort(ROOT_NID, (short) tree.rootNid());
        out.putLong(INOS, tree.inodes());
        out.putLong(EPOCH, epoch.seconds());
        out.putInt(FIXED_NSEC, epoch.nanos());
        out.putInt(BLOCKS, (int) areas.blocks());
        out.putInt(META_BLKADDR, (int) areas.metaBlock());
        out.putInt(XATTR_BLKADDR, (int) areas.xattrBlock());
        ByteBuffer.wrap(head, START_BYTE + UUID_BYTES, 16)
                .putLong(uuid.getMostSignificantBits())
                .putLong(uuid.getLeastSignificantBits());
        out.putInt(FEATURE_INCOMPAT, features.incompat());
        CompressionConfigs compression = compression();
        if (compression.algorithms() != 0) {
            out.putShort(ALGORITHMS, (short) compression.algorithms());
            compression.write(head, START_BYTE + BYTES);
        }
        out.putShort(EXTRA_DEVICES, (short) devices().count());
        out.putShort(DEVT_SLOTOFF, (short) devices().slotOffset());
        out.putInt(CHECKSUM, checksum(head, START_BYTE, checksummedBytes(areas.blockBits())));
    }

    /** From the superblock to the end of its block; where it starts a block, that block. */
    static int checksummedBytes(int blockBits) {
        int blockSizeBytes = 1 << blockBits;
        return blockSizeBytes > START_BYTE ? blockSizeBytes - START_BYTE : blockSizeBytes;
    }

    /** CRC-32C with the field itself as zero and without the final inversion. */
    static int checksum(byte[] bytes, int start, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, start, CHECKSUM);
        crc.update(new byte[Integer.BYTES], 0, Integer.BYTES);
        int after = CHECKSUM + Integer.BYTES;
        crc.update(bytes, start + after, length - after);
        return ~(int) crc.getValue();
    }

    private static CorruptImageException corrupt(ImageBytes image, int field, String rule) {
        return image.corrupt("superblock", START_BYTE + (long) field, rule);
    }
}
