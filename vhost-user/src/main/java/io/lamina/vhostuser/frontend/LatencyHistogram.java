package io.lamina.vhostuser.frontend;

/** How long requests took, to about 3 percent, in a fixed amount of memory. One thread at a time. */
public final class LatencyHistogram {
    /** Buckets for each doubling: 2^5. */
    private static final int PRECISION_BITS = 5;

    private final long[] buckets = new long[(64 - PRECISION_BITS) << PRECISION_BITS];
    private long count;

    /** Adds one time, 0 or above. */
    public void add(long nanos) {
        buckets[bucket(nanos)]++;
        count++;
    }

    /** Adds all times of another one. */
    public void addAll(LatencyHistogram other) {
        for (int i = 0; i < buckets.length; i++) {
            buckets[i] += other.buckets[i];
        }
        count += other.count;
    }

    /** How many times there are. */
    public long count() {
        return count;
    }

    /** The time that this part of all does not exceed, such as 0.5 or 0.999; 0 when there are none. */
    public long quantileNanos(double part) {
        long wanted = (long) Math.ceil(part * count);
        long seen = 0;
        for (int i = 0; i < buckets.length; i++) {
            seen += buckets[i];
            if (seen >= wanted && seen > 0) {
                return lowerBound(i);
            }
        }
        return 0;
    }

    private static int bucket(long nanos) {
        int magnitude = Math.max(0, 63 - Long.numberOfLeadingZeros(nanos | 1) - PRECISION_BITS);
        return (magnitude << PRECISION_BITS) + (int) (nanos >>> magnitude);
    }

    private static long lowerBound(int bucket) {
        if (bucket < 2 << PRECISION_BITS) {
            return bucket;
        }
        int magnitude = (bucket >>> PRECISION_BITS) - 1;
        return ((long) bucket - ((long) magnitude << PRECISION_BITS)) << magnitude;
    }
}
