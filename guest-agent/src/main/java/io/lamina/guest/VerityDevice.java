package io.lamina.guest;

import io.lamina.images.oci.Digest;
import io.lamina.images.statement.GuestPolicy.OnCorruption;
import io.lamina.images.statement.ImageStatement.VerityTable;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.DeviceMapper;
import io.lamina.linux.SystemCallException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;

/**
 * The image behind dm-verity, which answers a block that its hashes do not prove with an I/O error and remembers that
 * it did (https://github.com/torvalds/linux/blob/v6.12/Documentation/admin-guide/device-mapper/verity.rst). The table is
 * made from what was proved alone; a superblock of the device is not looked for.
 */
final class VerityDevice implements AutoCloseable {
    private static final String NAME = "lamina-image";
    private static final String CORRUPTED = "C";
    private static final int EAGER_READ_BYTES = 1 << 20;

    private final DeviceMapper mapper;
    private final VerityGeometry geometry;
    private final Path node;

    private VerityDevice(DeviceMapper mapper, VerityGeometry geometry, Path node) {
        this.mapper = mapper;
        this.geometry = geometry;
        this.node = node;
    }

    /**
     * What is proved, and by what.
     *
     * @param data the device with the data
     * @param hashes the device with the hash tree; may be the same
     * @param geometry block sizes
     * @param dataBlocks blocks that are proved
     * @param hashStartBlock where the tree starts on {@code hashes}, in hash blocks
     * @param rootHash the hash that proves it all
     */
    record Proved(
            Path data, Path hashes, VerityGeometry geometry, long dataBlocks, long hashStartBlock, Digest rootHash) {
        /** Data and tree on one disk, as a statement says it. */
        static Proved of(Path disk, VerityTable table) {
            return new Proved(
                    disk, disk, table.geometry(), table.dataBlocks(), table.hashStartBlock(), table.rootHash());
        }
    }

    /** Makes the device. */
    static VerityDevice open(Proved proved, OnCorruption onCorruption) throws SystemCallException {
        DeviceMapper mapper = DeviceMapper.open();
        try {
            return new VerityDevice(
                    mapper, proved.geometry, mapper.createReadOnly(NAME, List.of(target(proved, onCorruption))));
        } catch (SystemCallException failure) {
            mapper.close();
            throw failure;
        }
    }

    /**
     * The line of the table; format 1 puts the salt first. Never among its options: {@code ignore_corruption}, and
     * {@code check_at_most_once}, by which a block that was right once could change.
     */
    static DeviceMapper.Target target(Proved proved, OnCorruption onCorruption) {
        String parameters = String.join(
                " ",
                "1",
                proved.data.toString(),
                proved.hashes.toString(),
                Integer.toString(proved.geometry.dataBlockSizeBytes()),
                Integer.toString(proved.geometry.hashBlockSizeBytes()),
                Long.toString(proved.dataBlocks),
                Long.toString(proved.hashStartBlock),
                "sha256",
                proved.rootHash.hex(),
                "0".repeat(2 * VerityGeometry.SALT_BYTES),
                options(onCorruption));
        long lengthSectors = proved.dataBlocks * proved.geometry.dataBlockSizeBytes() / DeviceMapper.SECTOR_BYTES;
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

    /** Block sizes. */
    VerityGeometry geometry() {
        return geometry;
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
