package io.lamina.shim.vhdx;

/**
 * Where the parts of a file lie (MS-VHDX, section 2.1); all start at whole mebibytes. The header section is followed by
 * log, metadata, block allocation table (BAT), then payload.
 *
 * @param diskBytes size of the virtual disk, whole sectors of 512 bytes
 */
record VhdxLayout(long diskBytes) {
    /** The largest disk that the format has. */
    static final long MAX_DISK_BYTES = 64L << 40;

    static final int SECTOR_BYTES = 512;
    static final int BLOCK_BYTES = 32 << 20;
    static final long LOG_START_BYTE = 1 << 20;
    static final int LOG_BYTES = 1 << 20;
    static final long METADATA_START_BYTE = 2 << 20;
    static final int METADATA_BYTES = 1 << 20;
    static final long BAT_START_BYTE = 3 << 20;

    /** Payload blocks between two entries for sector bitmaps: 2^23 sectors. */
    private static final int CHUNK_RATIO = (int) ((1L << 23) * SECTOR_BYTES / BLOCK_BYTES);

    private static final int ENTRY_BYTES = 8;
    private static final int MEBIBYTE = 1 << 20;

    VhdxLayout {
        if (diskBytes < SECTOR_BYTES || diskBytes > MAX_DISK_BYTES || diskBytes % SECTOR_BYTES != 0) {
            throw new IllegalArgumentException(diskBytes + " bytes, not whole sectors of " + SECTOR_BYTES + " up to "
                    + MAX_DISK_BYTES + ": no VHDX");
        }
    }

    /** Payload blocks, the last one perhaps reaching over the disk's end. */
    int blocks() {
        return Math.toIntExact(Math.ceilDiv(diskBytes, BLOCK_BYTES));
    }

    /** Where the BAT has the entry of payload block {@code block}; each run of {@link #CHUNK_RATIO} has a bitmap's behind it. */
    int entryByte(int block) {
        return (block + block / CHUNK_RATIO) * ENTRY_BYTES;
    }

    /** Size of the BAT in whole mebibytes. */
    int batBytes() {
        int entries = blocks() + (blocks() - 1) / CHUNK_RATIO;
        return Math.ceilDiv(entries * ENTRY_BYTES, MEBIBYTE) * MEBIBYTE;
    }

    /** Where payload block {@code block} lies in a file that has them all, one after the other. */
    long payloadByte(int block) {
        return BAT_START_BYTE + batBytes() + (long) block * BLOCK_BYTES;
    }

    /** Where payload would start; the size of a file that has none. */
    long payloadStartByte() {
        return BAT_START_BYTE + batBytes();
    }
}
