package io.lamina.images.device;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The footer that makes a raw device a fixed VHD ("Virtual Hard Disk Image Format Specification", Microsoft, version
 * 1.0, "Hard Disk Footer Format"): 512 bytes behind the last sector, big-endian. Hyper-V reads the size from it.
 */
public final class VhdFooter {
    /** Length of the footer. */
    public static final int BYTES = 512;

    /** Largest disk that the format has, in bytes: 2040 GiB. */
    public static final long MAX_DISK_BYTES = 2040L << 30;

    private static final int COOKIE = 0;
    private static final int FEATURES = 8;
    private static final int FORMAT_VERSION = 12;
    private static final int DATA_OFFSET = 16;
    private static final int TIME_STAMP = 24;
    private static final int CREATOR_APPLICATION = 28;
    private static final int CREATOR_VERSION = 32;
    private static final int CREATOR_HOST_OS = 36;
    private static final int ORIGINAL_SIZE = 40;
    private static final int CURRENT_SIZE = 48;
    private static final int GEOMETRY = 56;
    private static final int DISK_TYPE = 60;
    private static final int CHECKSUM = 64;
    private static final int UNIQUE_ID = 68;
    private static final int UNIQUE_ID_BYTES = 16;

    private static final int FEATURES_RESERVED = 2;
    private static final int VERSION_1_0 = 0x0001_0000;
    private static final int FIXED_DISK = 2;
    private static final int SECTOR_BYTES = 512;

    private VhdFooter() {}

    /**
     * The footer of a disk with the device's bytes. No clock and no random number: the time stamp is zero, the unique
     * identifier is made from the root hash.
     *
     * @throws IllegalArgumentException if the device is larger than {@link #MAX_DISK_BYTES}
     */
    public static ByteBuffer of(FlattenedDevice device) {
        return of(device.sizeBytes(), device.rootHash());
    }

    /**
     * As {@link #of(FlattenedDevice)}, of other bytes.
     *
     * @param sizeBytes whole sectors of 512 bytes
     * @param identity what the unique identifier is made of
     */
    public static ByteBuffer of(long sizeBytes, Digest identity) {
        if (sizeBytes > MAX_DISK_BYTES || sizeBytes % SECTOR_BYTES != 0) {
            throw new IllegalArgumentException(
                    sizeBytes + " bytes, not whole sectors up to " + MAX_DISK_BYTES + ": no VHD");
        }
        ByteBuffer footer = ByteBuffer.allocate(BYTES);
        footer.put(COOKIE, "conectix".getBytes(StandardCharsets.US_ASCII));
        footer.putInt(FEATURES, FEATURES_RESERVED);
        footer.putInt(FORMAT_VERSION, VERSION_1_0);
        footer.putLong(DATA_OFFSET, -1);
        footer.putInt(TIME_STAMP, 0);
        footer.put(CREATOR_APPLICATION, "lmna".getBytes(StandardCharsets.US_ASCII));
        footer.putInt(CREATOR_VERSION, VERSION_1_0);
        footer.put(CREATOR_HOST_OS, "Wi2k".getBytes(StandardCharsets.US_ASCII));
        footer.putLong(ORIGINAL_SIZE, sizeBytes);
        footer.putLong(CURRENT_SIZE, sizeBytes);
        footer.putInt(GEOMETRY, geometry(sizeBytes / SECTOR_BYTES));
        footer.putInt(DISK_TYPE, FIXED_DISK);
        footer.put(UNIQUE_ID, identity.bytes(), 0, UNIQUE_ID_BYTES);
        int sum = 0;
        for (int i = 0; i < BYTES; i++) {
            sum += footer.get(i) & 0xff;
        }
        return footer.putInt(CHECKSUM, ~sum).asReadOnlyBuffer();
    }

    /** Cylinders, heads and sectors per track by the specification's appendix "CHS Calculation". */
    private static int geometry(long totalSectors) {
        long sectors = Math.min(totalSectors, 65_535L * 16 * 255);
        if (sectors >= 65_535L * 16 * 63) {
            return packed(sectors / 255 / 16, 16, 255);
        }
        int sectorsPerTrack = 17;
        long tracks = sectors / sectorsPerTrack;
        long heads = Math.max(Math.ceilDiv(tracks, 1024), 4);
        if (tracks >= heads * 1024 || heads > 16) {
            sectorsPerTrack = 31;
            heads = 16;
            tracks = sectors / sectorsPerTrack;
        }
        if (tracks >= heads * 1024) {
            sectorsPerTrack = 63;
            tracks = sectors / sectorsPerTrack;
        }
        return packed(tracks / heads, heads, sectorsPerTrack);
    }

    private static int packed(long cylinders, long heads, int sectorsPerTrack) {
        return (int) cylinders << 16 | (int) heads << 8 | sectorsPerTrack;
    }
}
