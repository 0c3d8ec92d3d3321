package io.lamina.vhostuser.block;

import java.nio.charset.StandardCharsets;

/**
 * What a guest is told about a device.
 *
 * @param sizeBytes a multiple of the logical block size
 * @param blockSizeBytes the logical block size, a power of two from 512 to 4096
 * @param readOnly writes are refused
 * @param serial what {@code /sys/block/NAME/serial} shows, up to 20 ASCII characters
 */
public record DeviceDescription(long sizeBytes, int blockSizeBytes, boolean readOnly, String serial) {
    public DeviceDescription {
        if (blockSizeBytes < VirtioBlk.SECTOR_BYTES || blockSizeBytes > 4096 || Integer.bitCount(blockSizeBytes) != 1) {
            throw new IllegalArgumentException("logical block size " + blockSizeBytes);
        }
        if (sizeBytes < 0 || sizeBytes % blockSizeBytes != 0) {
            throw new IllegalArgumentException(
                    "size of " + sizeBytes + " bytes with logical blocks of " + blockSizeBytes);
        }
        if (serial.length() > VirtioBlk.ID_BYTES
                || !StandardCharsets.US_ASCII.newEncoder().canEncode(serial)) {
            throw new IllegalArgumentException("serial is not of up to 20 ASCII characters: " + serial);
        }
    }

    /** The size in sectors of 512 bytes. */
    public long capacitySectors() {
        return sizeBytes / VirtioBlk.SECTOR_BYTES;
    }
}
