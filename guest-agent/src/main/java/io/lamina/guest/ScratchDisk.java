package io.lamina.guest;

import io.lamina.guest.SystemDevices.BlockDevice;
import io.lamina.linux.DeviceMapper;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Spawn;
import java.io.DataInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * A disk of the host's as a place for a writable layer. Each sector of 4096 bytes is encrypted and authenticated
 * (AES-256-XTS with a random IV, HMAC-SHA-256, by dm-crypt over dm-integrity, as {@code cryptsetup} sets them up:
 * https://github.com/torvalds/linux/blob/v6.12/Documentation/admin-guide/device-mapper/dm-crypt.rst and dm-integrity.rst
 * beside it) under a key that this guest makes now and nobody writes down: what was on the disk before cannot be read, what
 * is changed there fails to read, and after the machine's end it is noise.
 *
 * <p>What remains to a host is replay within this one run: a sector as it was earlier, at its own place, passes.
 */
final class ScratchDisk {
    /** Serial number of the disk. */
    static final String SERIAL = "lamina-scratch";

    private static final Path BUSYBOX = Path.of("/bin/busybox");
    private static final Path RANDOM = Path.of("/dev/random");

    private static final String TAGS = "lamina-scratch-tags";
    private static final String PLAIN = "lamina-scratch";

    private static final int SECTOR_BYTES = 4096;

    /** Of a device-mapper table. */
    private static final int TABLE_SECTORS = SECTOR_BYTES / DeviceMapper.SECTOR_BYTES;

    /** Beside each sector: 16 bytes of IV, 32 of HMAC. */
    private static final int TAG_BYTES = 48;

    /** Two AES-256 keys, which XTS takes, and one for the HMAC. */
    private static final int KEY_BYTES = 64 + 32;

    private static final byte[] INTEGRITY_MAGIC = "integrt\0".getBytes(StandardCharsets.US_ASCII);

    /** Where {@code provided_data_sectors} lies in dm-integrity's superblock (drivers/md/dm-integrity.c). */
    private static final int PROVIDED_DATA_SECTORS = 16;

    /** Below this there is no room for the file system's own tables. */
    private static final long MIN_BYTES = 16 << 20;

    /** Of ext2 with blocks of 4096 bytes: as many blocks as one block has bits. */
    private static final long GROUP_BYTES = 8L * SECTOR_BYTES * SECTOR_BYTES;

    private final BlockDevice disk;

    private ScratchDisk(BlockDevice disk) {
        this.disk = disk;
    }

    /**
     * Makes an empty, encrypted file system on {@code disk}; all that was there is lost.
     *
     * @return the node to mount, as ext4
     * @throws RefusedException if the disk is too small
     */
    static Path format(BlockDevice disk) throws IOException, InterruptedException, RefusedException {
        if (disk.sizeBytes() < MIN_BYTES || disk.logicalBlockSizeBytes() > SECTOR_BYTES) {
            throw new RefusedException(
                    "scratch-size",
                    MIN_BYTES + " bytes or more, in blocks of at most " + SECTOR_BYTES,
                    disk.sizeBytes() + " bytes in blocks of " + disk.logicalBlockSizeBytes());
        }
        return new ScratchDisk(disk).format();
    }

    private Path format() throws IOException, InterruptedException {
        Path plain;
        try (DeviceMapper mapper = DeviceMapper.open()) {
            long sectors = formatTags(mapper);
            Path tags = mapper.createSecret(TAGS, List.of(tags(sectors)));
            plain = mapper.createSecret(PLAIN, List.of(crypt(tags, sectors)));
        }
        clear(plain);
        makeFileSystem(plain);
        return plain;
    }

    /**
     * dm-integrity formats a disk whose first sector is zero when it meets it, and then says in its superblock how much room
     * is left. That is the disk's word, which the host can change: a wrong one makes the next step fail.
     */
    private long formatTags(DeviceMapper mapper) throws IOException {
        try (FileChannel channel = FileChannel.open(disk.node(), StandardOpenOption.WRITE)) {
            write(channel, ByteBuffer.allocate(SECTOR_BYTES));
        }
        Path _ = mapper.createSecret(TAGS, List.of(tags(TABLE_SECTORS)));
        mapper.remove(TAGS);
        // Opened anew, when nobody else has the disk: what the kernel has cached of it, our zeroes, is then forgotten.
        try (FileChannel channel = FileChannel.open(disk.node(), StandardOpenOption.READ)) {
            ByteBuffer superblock =
                    ByteBuffer.allocate(DeviceMapper.SECTOR_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            while (superblock.hasRemaining() && channel.read(superblock, superblock.position()) > 0) {}
            byte[] magic = Arrays.copyOf(superblock.array(), INTEGRITY_MAGIC.length);
            if (!Arrays.equals(magic, INTEGRITY_MAGIC)) {
                throw new IOException(disk.node() + " does not keep what is written to it");
            }
            return superblock.getLong(PROVIDED_DATA_SECTORS) / TABLE_SECTORS * TABLE_SECTORS;
        }
    }

    private static void write(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes, bytes.position());
        }
        channel.force(true);
    }

    /** Tags beside the sectors, without a journal: nothing here outlives a crash. */
    private DeviceMapper.Target tags(long sectors) {
        return new DeviceMapper.Target(
                "integrity", sectors, disk.node() + " 0 " + TAG_BYTES + " D 1 block_size:" + SECTOR_BYTES);
    }

    private static DeviceMapper.Target crypt(Path tags, long sectors) throws IOException {
        return new DeviceMapper.Target("crypt", sectors, cryptParameters(tags));
    }

    private static String cryptParameters(Path tags) throws IOException {
        byte[] key = new byte[KEY_BYTES];
        try (DataInputStream random = new DataInputStream(new FileInputStream(RANDOM.toFile()))) {
            random.readFully(key);
        }
        String parameters =
                "capi:authenc(hmac(sha256),xts(aes))-random " + HexFormat.of().formatHex(key) + " 0 " + tags
                        + " 0 2 integrity:" + TAG_BYTES + ":aead sector_size:" + SECTOR_BYTES;
        Arrays.fill(key, (byte) 0);
        return parameters;
    }

    /**
     * All that is read has to be written first: a sector that never was has no right tag. mke2fs writes whole blocks and
     * reads none, but for superblocks, which are a part of the first block of some groups.
     */
    private static void clear(Path device) throws IOException {
        try (FileChannel channel = FileChannel.open(device, StandardOpenOption.WRITE)) {
            long sizeBytes = channel.size();
            for (long at = 0; at < sizeBytes; at += GROUP_BYTES) {
                channel.write(ByteBuffer.allocate(SECTOR_BYTES), at);
            }
        }
    }

    private static void makeFileSystem(Path device) throws IOException, InterruptedException {
        try (Pidfd mkfs = Spawn.of(
                        BUSYBOX,
                        List.of("mke2fs", "-F", "-b", "4096", "-I", "256", "-i", "16384", "-m", "0", device.toString()))
                .start()) {
            int status = mkfs.waitFor().asShell();
            if (status != 0) {
                throw new IOException("mke2fs of " + device + " ended with status " + status);
            }
        }
    }
}
