package io.lamina.vhostuser.block;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The configuration space, {@code struct virtio_blk_config} of {@code linux/virtio_blk.h}; little endian. Bytes after
 * the structure are zeroes.
 */
public final class BlockConfig {
    /** The space's length. */
    private static final int BYTES = 256;

    private static final int CAPACITY = 0;
    private static final int SIZE_MAX = 8;
    private static final int SEG_MAX = 12;
    private static final int BLK_SIZE = 20;
    private static final int PHYSICAL_BLOCK_EXP = 24;
    private static final int MIN_IO_SIZE = 26;
    private static final int NUM_QUEUES = 34;
    private static final int MAX_DISCARD_SECTORS = 36;
    private static final int MAX_DISCARD_SEG = 40;
    private static final int DISCARD_SECTOR_ALIGNMENT = 44;
    private static final int MAX_WRITE_ZEROES_SECTORS = 48;
    private static final int MAX_WRITE_ZEROES_SEG = 52;
    private static final int WRITE_ZEROES_MAY_UNMAP = 56;

    /** Data segments of one request: a ring of 128 less header and status, what every other back-end says. */
    private static final int SEGMENTS = 126;

    private static final int PHYSICAL_BLOCK_BYTES = 4096;

    private final ByteBuffer space = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /** The space of a device with this many queues. */
    public BlockConfig(DeviceDescription device, int queues) {
        space.putLong(CAPACITY, device.capacitySectors());
        // Asked of drivers, not demanded: longer segments are served in several steps.
        space.putInt(SIZE_MAX, BlockRequest.STEP_BYTES);
        space.putInt(SEG_MAX, SEGMENTS);
        space.putInt(BLK_SIZE, device.blockSizeBytes());
        int blocksPerPhysical = PHYSICAL_BLOCK_BYTES / device.blockSizeBytes();
        space.put(PHYSICAL_BLOCK_EXP, (byte) Integer.numberOfTrailingZeros(blocksPerPhysical));
        space.putShort(MIN_IO_SIZE, (short) blocksPerPhysical);
        space.putShort(NUM_QUEUES, (short) queues);
        if (!device.readOnly()) {
            space.putInt(MAX_DISCARD_SECTORS, WriteRanges.MAX_SECTORS);
            space.putInt(MAX_DISCARD_SEG, WriteRanges.MAX_RANGES);
            space.putInt(DISCARD_SECTOR_ALIGNMENT, device.blockSizeBytes() / VirtioBlk.SECTOR_BYTES);
            space.putInt(MAX_WRITE_ZEROES_SECTORS, WriteRanges.MAX_SECTORS);
            space.putInt(MAX_WRITE_ZEROES_SEG, WriteRanges.MAX_RANGES);
            space.put(WRITE_ZEROES_MAY_UNMAP, (byte) 1);
        }
    }

    /**
     * A part of the space; bytes after its end are zeroes.
     *
     * @param offset 0 or above
     * @param sizeBytes 0 or above, bounded by the caller
     */
    public ByteBuffer read(long offset, int sizeBytes) {
        ByteBuffer answer = ByteBuffer.allocate(sizeBytes);
        if (offset < BYTES) {
            int there = (int) Math.min(sizeBytes, BYTES - offset);
            answer.put(0, space, (int) offset, there);
        }
        return answer;
    }

    /** The device's own feature bits. */
    public static long features(DeviceDescription device) {
        long both = VirtioBlk.F_SIZE_MAX
                | VirtioBlk.F_SEG_MAX
                | VirtioBlk.F_BLK_SIZE
                | VirtioBlk.F_TOPOLOGY
                | VirtioBlk.F_MQ
                | VirtioBlk.F_FLUSH;
        return both | (device.readOnly() ? VirtioBlk.F_RO : VirtioBlk.F_DISCARD | VirtioBlk.F_WRITE_ZEROES);
    }
}
