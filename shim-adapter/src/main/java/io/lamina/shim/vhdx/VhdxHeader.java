package io.lamina.shim.vhdx;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The header section (MS-VHDX, section 2.2): file type identifier, two headers and two region tables, each in 64 KiB of
 * its own, together the file's first mebibyte.
 */
final class VhdxHeader {
    static final int BYTES = 1 << 20;

    private static final int SECTION_BYTES = 64 << 10;
    private static final int HEADER_BYTES = 4096;
    private static final int CHECKSUM = 4;
    private static final int SEQUENCE_NUMBER = 8;
    private static final int FILE_WRITE_GUID = 16;
    private static final int DATA_WRITE_GUID = 32;
    private static final int VERSION = 66;
    private static final int LOG_LENGTH = 68;
    private static final int LOG_OFFSET = 72;
    private static final int ENTRY_COUNT = 8;
    private static final int ENTRIES = 16;
    private static final int ENTRY_BYTES = 32;
    private static final UUID BAT_REGION = UUID.fromString("2DC27766-F623-4200-9D64-115E9BFD4A08");
    private static final UUID METADATA_REGION = UUID.fromString("8B7CA206-4790-4B9A-B8FE-575F050F886E");

    private VhdxHeader() {}

    /** The first mebibyte of a file whose regions lie as {@code layout} says. */
    static ByteBuffer of(VhdxLayout layout, Digest identity) {
        ByteBuffer section = ByteBuffer.allocate(BYTES);
        section.put(0, "vhdxfile".getBytes(StandardCharsets.US_ASCII));
        section.put(8, "Lamina".getBytes(StandardCharsets.UTF_16LE));
        section.put(SECTION_BYTES, header(1, identity), 0, HEADER_BYTES);
        section.put(2 * SECTION_BYTES, header(2, identity), 0, HEADER_BYTES);
        ByteBuffer regions = regions(layout);
        section.put(3 * SECTION_BYTES, regions, 0, SECTION_BYTES);
        section.put(4 * SECTION_BYTES, regions, 0, SECTION_BYTES);
        return section;
    }

    private static ByteBuffer header(long sequenceNumber, Digest identity) {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        header.put(0, "head".getBytes(StandardCharsets.US_ASCII));
        header.putLong(SEQUENCE_NUMBER, sequenceNumber);
        VhdxGuid.put(header, FILE_WRITE_GUID, VhdxGuid.of(identity, "file write"));
        VhdxGuid.put(header, DATA_WRITE_GUID, VhdxGuid.of(identity, "data write"));
        header.putShort(VERSION, (short) 1);
        header.putInt(LOG_LENGTH, VhdxLayout.LOG_BYTES);
        header.putLong(LOG_OFFSET, VhdxLayout.LOG_START_BYTE);
        return withChecksum(header);
    }

    private static ByteBuffer regions(VhdxLayout layout) {
        ByteBuffer table = ByteBuffer.allocate(SECTION_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        table.put(0, "regi".getBytes(StandardCharsets.US_ASCII));
        table.putInt(ENTRY_COUNT, 2);
        region(table, ENTRIES, BAT_REGION, VhdxLayout.BAT_START_BYTE, layout.batBytes());
        region(
                table,
                ENTRIES + ENTRY_BYTES,
                METADATA_REGION,
                VhdxLayout.METADATA_START_BYTE,
                VhdxLayout.METADATA_BYTES);
        return withChecksum(table);
    }

    private static void region(ByteBuffer table, int at, UUID region, long startByte, int lengthBytes) {
        VhdxGuid.put(table, at, region);
        table.putLong(at + 16, startByte);
        table.putInt(at + 24, lengthBytes);
        table.putInt(at + 28, 1);
    }

    private static ByteBuffer withChecksum(ByteBuffer structure) {
        CRC32C crc = new CRC32C();
        crc.update(structure.duplicate().rewind());
        return structure.putInt(CHECKSUM, (int) crc.getValue());
    }
}
