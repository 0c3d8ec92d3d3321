package io.lamina.shim.vhdx;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** The metadata region (MS-VHDX, section 2.6): a table of items, the items behind its 64 KiB. */
final class VhdxMetadata {
    private static final int ITEMS = 64 << 10;
    private static final int ENTRY_COUNT = 10;
    private static final int ENTRIES = 32;
    private static final int ENTRY_BYTES = 32;
    private static final int IS_VIRTUAL_DISK = 2;
    private static final int IS_REQUIRED = 4;
    private static final int PHYSICAL_SECTOR_BYTES = 4096;

    private final ByteBuffer region =
            ByteBuffer.allocate(VhdxLayout.METADATA_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private int count;
    private int nextItem = ITEMS;

    private VhdxMetadata() {}

    static ByteBuffer of(VhdxLayout layout, Digest identity) {
        VhdxMetadata metadata = new VhdxMetadata();
        metadata.region.put(0, "metadata".getBytes(StandardCharsets.US_ASCII));
        int parameters = metadata.item("CAA16737-FA36-4D43-B3B6-33F0AA44E76B", 8, IS_REQUIRED);
        metadata.region.putInt(parameters, VhdxLayout.BLOCK_BYTES);
        int size = metadata.item("2FA54224-CD1B-4876-B211-5DBED83BF4B8", 8, IS_VIRTUAL_DISK | IS_REQUIRED);
        metadata.region.putLong(size, layout.diskBytes());
        int id = metadata.item("BECA12AB-B2E6-4523-93EF-C309E000C746", VhdxGuid.BYTES, IS_VIRTUAL_DISK | IS_REQUIRED);
        VhdxGuid.put(metadata.region, id, VhdxGuid.of(identity, "virtual disk"));
        int logical = metadata.item("8141BF1D-A96F-4709-BA47-F233A8FAAB5F", 4, IS_VIRTUAL_DISK | IS_REQUIRED);
        metadata.region.putInt(logical, VhdxLayout.SECTOR_BYTES);
        int physical = metadata.item("CDA348C7-445D-4471-9CC9-E9885251C556", 4, IS_VIRTUAL_DISK | IS_REQUIRED);
        metadata.region.putInt(physical, PHYSICAL_SECTOR_BYTES);
        metadata.region.putShort(ENTRY_COUNT, (short) metadata.count);
        return metadata.region;
    }

    /** Adds an item and answers where it lies. */
    private int item(String guid, int lengthBytes, int flags) {
        int entry = ENTRIES + count++ * ENTRY_BYTES;
        VhdxGuid.put(region, entry, UUID.fromString(guid));
        region.putInt(entry + 16, nextItem);
        region.putInt(entry + 20, lengthBytes);
        region.putInt(entry + 24, flags);
        int at = nextItem;
        nextItem += lengthBytes;
        return at;
    }
}
