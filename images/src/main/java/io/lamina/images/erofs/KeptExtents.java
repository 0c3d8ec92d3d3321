package io.lamina.images.erofs;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Extents of one file that were decompressed, by where they start in it; those not used for longest are dropped. */
final class KeptExtents {
    private static final float LOAD_FACTOR = 0.75f;

    private final long limitBytes;
    private final Map<Long, byte[]> extents = new LinkedHashMap<>(0, LOAD_FACTOR, true);
    private long totalBytes;

    /** @param limitBytes beyond which only the newest is kept */
    KeptExtents(long limitBytes) {
        this.limitBytes = limitBytes;
    }

    byte @Nullable [] get(long startByte) {
        return extents.get(startByte);
    }

    void add(long startByte, byte[] extent) {
        extents.put(startByte, extent);
        totalBytes += extent.length;
        Iterator<byte[]> oldest = extents.values().iterator();
        while (totalBytes > limitBytes && extents.size() > 1) {
            totalBytes -= oldest.next().length;
            oldest.remove();
        }
    }

    void clear() {
        extents.clear();
        totalBytes = 0;
    }
}
