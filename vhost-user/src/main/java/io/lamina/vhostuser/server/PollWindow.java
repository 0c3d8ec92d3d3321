package io.lamina.vhostuser.server;

/**
 * How long a ring is looked at before its driver is asked for a kick. A driver that comes back within microseconds is
 * answered without the cost of sleeping and waking; one that stays away costs nothing after the first miss. For one
 * thread.
 */
final class PollWindow {
    /** Longer than a busy driver takes for its next request, short enough to be fair to others of the loop. */
    static final long MAX_NANOS = 32_000;

    private static final long FIRST_NANOS = 8_000;

    private long windowNanos;
    private long asleepSince;

    /** How long to look; 0 for not at all. */
    long nanos() {
        return windowNanos;
    }

    /** The driver came back while it was waited for. */
    void hit() {
        windowNanos = Math.min(MAX_NANOS, Math.max(FIRST_NANOS, windowNanos * 2));
    }

    /** The driver stayed away. */
    void miss() {
        windowNanos /= 2;
        if (windowNanos < FIRST_NANOS) {
            windowNanos = 0;
        }
    }

    /** The driver has been asked for a kick. */
    void asleep(long nowNanos) {
        asleepSince = nowNanos;
    }

    /** The kick has come. */
    void awake(long nowNanos) {
        if (nowNanos - asleepSince <= MAX_NANOS) {
            hit();
        } else {
            windowNanos = 0;
        }
    }
}
