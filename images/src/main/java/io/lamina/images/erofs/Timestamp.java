package io.lamina.images.erofs;

/**
 * A point in time as an inode keeps it.
 *
 * @param seconds since 1970-01-01 UTC, negative before
 * @param nanos 0 to 999,999,999, always counted forwards
 */
public record Timestamp(long seconds, int nanos) implements Comparable<Timestamp> {
    /** 1970-01-01, the time of what has none. */
    public static final Timestamp EPOCH = new Timestamp(0, 0);

    /** Nanoseconds of a second. */
    public static final int NANOS_PER_SECOND = 1_000_000_000;

    /** Refuses nanoseconds out of range; readers check theirs before. */
    public Timestamp {
        if (nanos < 0 || nanos >= NANOS_PER_SECOND) {
            throw new IllegalArgumentException("nanoseconds " + nanos);
        }
    }

    @Override
    public int compareTo(Timestamp other) {
        int bySeconds = Long.compare(seconds, other.seconds);
        return bySeconds != 0 ? bySeconds : Integer.compare(nanos, other.nanos);
    }
}
