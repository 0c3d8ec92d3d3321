package io.lamina.host.registry;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How often and when a request is tried again.
 *
 * @param attempts 1 or more
 * @param firstDelay before the second attempt; doubled for each further one, and varied by a half
 * @param longestDelay that is waited for, a registry's own wish ({@code Retry-After}) included
 */
public record RetryPolicy(int attempts, Duration firstDelay, Duration longestDelay) {
    /** Five attempts within some eight seconds, or as long as the registry asks for up to two minutes. */
    public static final RetryPolicy DEFAULT = new RetryPolicy(5, Duration.ofMillis(500), Duration.ofMinutes(2));

    /** What to wait for before attempt {@code next}, the second being 2. */
    Duration delay(int next) {
        long millis = firstDelay.toMillis() << Math.min(next - 2, 16);
        long varied = millis / 2 + ThreadLocalRandom.current().nextLong(millis + 1);
        return varied < longestDelay.toMillis() ? Duration.ofMillis(varied) : longestDelay;
    }
}
