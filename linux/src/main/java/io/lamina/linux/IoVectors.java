package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An array of {@code struct iovec} ({@code linux/uio.h}): the places that one vectored read fills or one vectored
 * write empties. It holds raw addresses; who adds one keeps the memory mapped until the call is over. One thread at a time.
 */
public final class IoVectors {
    /** The kernel takes no more vectors in one call, {@code UIO_MAXIOV} of {@code linux/uio.h}. */
    public static final int MAX_COUNT = 1024;

    private static final long IOV_LEN = 8;
    private static final long IOVEC_BYTES = 16;

    private final MemorySegment vectors;
    private final int capacity;
    private int count;
    private long totalBytes;

    /** Room for {@code capacity} vectors, freed with this object. */
    public IoVectors(int capacity) {
        if (capacity < 1 || capacity > MAX_COUNT) {
            throw new IllegalArgumentException("capacity " + capacity + " is outside 1 to " + MAX_COUNT);
        }
        this.capacity = capacity;
        this.vectors = Arena.ofAuto().allocate(capacity * IOVEC_BYTES, 8);
    }

    /** Forgets all vectors. */
    public void clear() {
        count = 0;
        totalBytes = 0;
    }

    /** Appends one; the array must not be {@linkplain #isFull full}. */
    public void add(long address, long lengthBytes) {
        if (isFull()) {
            throw new IllegalStateException("all " + capacity + " vectors are taken");
        }
        long at = count * IOVEC_BYTES;
        vectors.set(ValueLayout.JAVA_LONG, at, address);
        vectors.set(ValueLayout.JAVA_LONG, at + IOV_LEN, lengthBytes);
        count++;
        totalBytes += lengthBytes;
    }

    /** No vector can be added. */
    public boolean isFull() {
        return count == capacity;
    }

    /** How many vectors there are. */
    public int count() {
        return count;
    }

    /** The sum of all lengths. */
    public long totalBytes() {
        return totalBytes;
    }

    MemorySegment segment() {
        return vectors;
    }
}
