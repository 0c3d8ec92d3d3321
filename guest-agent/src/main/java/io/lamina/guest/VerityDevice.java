package io.lamina.guest;

import io.lamina.images.statement.GuestPolicy.OnCorruption;
import io.lamina.images.statement.ImageStatement.VerityTable;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.DeviceMapper;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * The image behind dm-verity, which answers a block that its hashes do not prove with an I/O error and remembers that
 * it did (https://github.com/torvalds/linux/blob/v6.12/Documentation/admin-guide/device-mapper/verity.rst). The table is
 * made from the signed statement alone; a superblock of the device is not looked for.
 */
final class VerityDevice implements AutoCloseable {
    private static final String NAME = "lamina-image";
    private static final String CORRUPTED = "C";
    private static final int EAGER_READ_BYTES = 1 << 20;

    private final DeviceMapper mapper;
    private final Path node;

    private VerityDevice(DeviceMapper mapper, Path node) {
        this.mapper = mapper;
        this.node = node;
    }

    /** Makes the device over {@code disk}. */
    static VerityDevice open(Path disk, VerityTable table, OnCorruption onCorruption) throws SystemCallException {
        DeviceMapper mapper = DeviceMapper.open();
        try {
            return new VerityDevice(mapper, mapper.createReadOnly(NAME, target(disk, table, onCorruption)));
        } catch (SystemCallException failure) {
            mapper.close();
            throw failure;
        }
    }

    /**
     * The line of the table; data and hashes are on one device, and format 1 puts the salt first. Never among its options:
     * {@code ignore_corruption}, and {@code check_at_most_once}, by which a block that was right once could change.
     */
    static DeviceMapper.Target target(Path disk, VerityTable table, OnCorruption onCorruption) {
        VerityGeometry geometry = table.geometry();
        String parameters = String.join(
                " ",
                "1",
                disk.toString(),
                disk.toString(),
                Integer.toString(geometry.dataBlockSizeBytes()),
                Integer.toString(geometry.hashBlockSizeBytes()),
                Long.toString(table.dataBlocks()),
                Long.toString(table.hashStartBlock()),
                "sha256",
                table.rootHash().hex(),
                table.saltHex(),
                options(onCorruption));
        long lengthSectors = table.dataBlocks() * geometry.dataBlockSizeBytes() / DeviceMapper.SECTOR_BYTES;
        return new DeviceMapper.Target("verity", lengthSectors, parameters.strip());
    }

    private static String options(OnCorruption onCorruption) {
        return switch (onCorruption) {
            case ERROR -> "";
            case RESTART -> "1 restart_on_corruption";
            case PANIC -> "1 panic_on_corruption";
        };
    }

    /** The device's node. */
    Path node() {
        return node;
    }

    /** Whether a block was found corrupted since the device was made. */
    boolean corrupted() throws SystemCallException {
        return mapper.status(NAME).equals(CORRUPTED);
    }

    /**
     * Reads every block, so that each one is checked now.
     *
     * @throws IOException if a block cannot be read
     */
    void readAll() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(EAGER_READ_BYTES);
        try (FileChannel channel = FileChannel.open(node)) {
            while (channel.read(buffer) >= 0) {
                buffer.clear();
            }
        }
    }

    /** Gives up the control device; the verity device stays for as long as the machine runs. */
    @Override
    public void close() {
        mapper.close();
    }
}
