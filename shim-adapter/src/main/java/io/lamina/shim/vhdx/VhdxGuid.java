package io.lamina.shim.vhdx;

import io.lamina.images.oci.Digest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** GUIDs as Windows stores them (MS-DTYP, section 2.3.4.2): the first three fields little-endian. */
final class VhdxGuid {
    static final int BYTES = 16;

    private VhdxGuid() {}

    /** One made of an identity and what it is for, where others draw by chance. */
    static UUID of(Digest identity, String use) {
        return Digest.ofContent((use + " of " + identity.hex()).getBytes(StandardCharsets.US_ASCII))
                .uuid();
    }

    static void put(ByteBuffer littleEndian, int at, UUID guid) {
        long high = guid.getMostSignificantBits();
        littleEndian.putInt(at, (int) (high >>> 32));
        littleEndian.putShort(at + 4, (short) (high >>> 16));
        littleEndian.putShort(at + 6, (short) high);
        littleEndian.slice(at + 8, Long.BYTES).order(ByteOrder.BIG_ENDIAN).putLong(0, guid.getLeastSignificantBits());
    }
}
