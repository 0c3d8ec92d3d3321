package io.lamina.images.device;

import java.util.ArrayList;
import java.util.List;

/** Lists of extents that follow each other without a gap. */
final class Extents {
    private Extents() {}

    /** The extent that {@code byteOffset} lies in. */
    static Extent at(List<Extent> extents, long byteOffset) {
        return extents.get(indexAt(extents, byteOffset));
    }

    private static int indexAt(List<Extent> extents, long byteOffset) {
        int low = 0;
        int high = extents.size() - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            Extent extent = extents.get(middle);
            if (byteOffset < extent.startByte()) {
                high = middle - 1;
            } else if (byteOffset >= extent.endByte()) {
                low = middle + 1;
            } else {
                return middle;
            }
        }
        throw new IndexOutOfBoundsException("byte " + byteOffset + " of a device of "
                + (extents.isEmpty() ? 0 : extents.getLast().endByte()) + " bytes");
    }

    /** {@code extents} with {@code patch} in place of what was there. */
    static List<Extent> replaced(List<Extent> extents, Extent patch) {
        List<Extent> result = new ArrayList<>();
        for (Extent extent : extents) {
            if (extent.startByte() < patch.startByte()) {
                result.add(extent.slice(extent.startByte(), Math.min(extent.endByte(), patch.startByte())));
            }
            if (extent.startByte() <= patch.startByte() && patch.startByte() < extent.endByte()) {
                result.add(patch);
            }
            if (extent.endByte() > patch.endByte()) {
                result.add(extent.slice(Math.max(extent.startByte(), patch.endByte()), extent.endByte()));
            }
        }
        return List.copyOf(result);
    }
}
