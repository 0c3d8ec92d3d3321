package io.lamina.images.layer;

import java.util.Arrays;

/** The segments of a file that a tar stores, in ascending order and apart; what lies between them is zero. */
public final class SparseMap {
    /** More segments than this are refused: 16 MiB of memory. */
    static final int MAX_SEGMENTS = 1 << 20;

    private long[] starts = new long[4];
    private long[] lengths = new long[4];
    private int count;

    /** The map of a file that is stored whole. */
    static SparseMap whole(long sizeBytes) {
        SparseMap map = new SparseMap();
        map.starts = new long[1];
        map.lengths = new long[] {sizeBytes};
        map.count = 1;
        return map;
    }

    /** Number of segments. */
    int count() {
        return count;
    }

    long startByte(int segment) {
        return starts[segment];
    }

    long lengthBytes(int segment) {
        return lengths[segment];
    }

    long endByte(int segment) {
        return starts[segment] + lengths[segment];
    }

    void add(long startByte, long lengthBytes) throws TarNumberException {
        if (count == MAX_SEGMENTS) {
            throw new TarNumberException("a sparse map of more than " + MAX_SEGMENTS + " segments");
        }
        long previousEnd = count == 0 ? 0 : endByte(count - 1);
        if (startByte < previousEnd || lengthBytes < 0 || lengthBytes > Long.MAX_VALUE - startByte) {
            throw new TarNumberException("sparse segment " + count + " from byte " + startByte + " of " + lengthBytes
                    + " bytes, behind byte " + previousEnd);
        }
        if (count == starts.length) {
            starts = Arrays.copyOf(starts, count * 2);
            lengths = Arrays.copyOf(lengths, count * 2);
        }
        starts[count] = startByte;
        lengths[count] = lengthBytes;
        count++;
    }

    /** Checks that the segments lie inside the file and take the stored bytes exactly. */
    void check(long sizeBytes, long storedBytes) throws TarNumberException {
        long stored = 0;
        for (int i = 0; i < count; i++) {
            stored += lengths[i];
        }
        if (count > 0 && endByte(count - 1) > sizeBytes) {
            throw new TarNumberException(
                    "sparse map ends at byte " + endByte(count - 1) + " of a file of " + sizeBytes + " bytes");
        }
        if (stored != storedBytes) {
            throw new TarNumberException("sparse map of " + stored + " bytes for " + storedBytes + " stored ones");
        }
    }
}
