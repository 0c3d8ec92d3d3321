package io.lamina.shim.verity;

import io.lamina.images.device.DeviceReader;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.RawWriter;
import java.io.IOException;
import java.nio.channels.FileChannel;

/**
 * A device's data, superblock and hash tree in one file, as {@code veritysetup format --hash-offset} leaves it, and as
 * hcsshim's guests and containerd's dm-verity look for it.
 */
public final class VerityFile {
    private VerityFile() {}

    /** Where the superblock lies, in bytes: right behind the data. */
    public static long hashOffsetBytes(FlattenedDevice device) {
        return device.dataBlocks() * device.geometry().dataBlockSizeBytes();
    }

    /** The file's size in bytes. */
    public static long sizeBytes(FlattenedDevice device) {
        return device.sizeBytes() + device.geometry().hashBlockSizeBytes();
    }

    /**
     * Writes the file.
     *
     * @param target empty, or with the device's data already in its place
     * @param withData whether the data is to be written, too
     */
    public static void write(FlattenedDevice device, FileChannel target, boolean withData) throws IOException {
        long hashOffset = hashOffsetBytes(device);
        try (DeviceReader reader = DeviceReader.open(device)) {
            for (Extent extent : device.extents()) {
                boolean tree = extent.startByte() >= hashOffset;
                if (tree) {
                    long behindSuperblock =
                            extent.startByte() + device.geometry().hashBlockSizeBytes();
                    RawWriter.write(extent.movedTo(behindSuperblock), reader, target);
                } else if (withData) {
                    RawWriter.write(extent, reader, target);
                }
            }
        }
        RawWriter.writeFully(target, VeritySuperblock.of(device), hashOffset);
        RawWriter.extendTo(target, sizeBytes(device));
    }
}
