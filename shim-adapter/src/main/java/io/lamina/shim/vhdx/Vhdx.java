package io.lamina.shim.vhdx;

import io.lamina.images.device.DeviceReader;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.device.RawWriter;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes VHDX files (MS-VHDX, "Virtual Hard Disk v2 File Format", revision 9.0): blank ones that grow, for scratch, and
 * whole ones of a device. Blocks of 32 MiB, sectors of 512 bytes shown as parts of 4096. No clock, no chance: what other
 * programs draw by chance is made of an identity.
 */
public final class Vhdx {
    /** Largest disk, in bytes: 64 TiB. */
    public static final long MAX_DISK_BYTES = VhdxLayout.MAX_DISK_BYTES;

    /** A payload block that is there, state PAYLOAD_BLOCK_FULLY_PRESENT. */
    private static final long FULLY_PRESENT = 6;

    private static final int MEBIBYTE_SHIFT = 20;

    private Vhdx() {}

    /**
     * Writes an empty disk that reads as zeroes; the file has 4 MiB.
     *
     * @param diskBytes whole sectors of 512 bytes, to {@link #MAX_DISK_BYTES}
     * @param identity tells this disk from others; two with one identity cannot be attached to one machine
     * @param target an empty file
     * @throws IllegalArgumentException if the format has no such disk
     */
    public static void writeBlank(long diskBytes, String identity, FileChannel target) throws IOException {
        VhdxLayout layout = new VhdxLayout(diskBytes);
        writeHead(layout, Digest.ofContent(identity.getBytes(StandardCharsets.UTF_8)), target);
        RawWriter.extendTo(target, layout.payloadStartByte());
    }

    /**
     * Writes a disk with the bytes of {@code device}, which the file shares with the device's files where the file system
     * can do that. The hash tree stays where it is on the device.
     *
     * @param target an empty file
     * @throws IllegalArgumentException if the format has no such disk
     */
    public static void write(FlattenedDevice device, FileChannel target) throws IOException {
        VhdxLayout layout = new VhdxLayout(device.sizeBytes());
        writeHead(layout, device.rootHash(), target);
        ByteBuffer table = ByteBuffer.allocate(layout.batBytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (int block = 0; block < layout.blocks(); block++) {
            long entry = layout.payloadByte(block) >> MEBIBYTE_SHIFT << MEBIBYTE_SHIFT | FULLY_PRESENT;
            table.putLong(layout.entryByte(block), entry);
        }
        RawWriter.writeFully(target, table, VhdxLayout.BAT_START_BYTE);
        try (DeviceReader reader = DeviceReader.open(device)) {
            for (Extent extent : moved(device.extents(), layout.payloadStartByte())) {
                RawWriter.write(extent, reader, target);
            }
        }
        RawWriter.extendTo(target, layout.payloadByte(layout.blocks()));
    }

    /** Payload blocks follow each other, so that the disk's bytes lie in one run. */
    private static List<Extent> moved(List<Extent> extents, long startByte) {
        List<Extent> moved = new ArrayList<>();
        extents.forEach(extent -> moved.add(extent.movedTo(startByte + extent.startByte())));
        return moved;
    }

    private static void writeHead(VhdxLayout layout, Digest identity, FileChannel target) throws IOException {
        RawWriter.writeFully(target, VhdxHeader.of(layout, identity), 0);
        RawWriter.writeFully(target, VhdxMetadata.of(layout, identity), VhdxLayout.METADATA_START_BYTE);
    }
}
