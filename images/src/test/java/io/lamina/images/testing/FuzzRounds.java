package io.lamina.images.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;

/** Runs many independent rounds of a fuzz test on all processors; each is named by its seed alone. */
public final class FuzzRounds {
    /** How many rounds of a soak run are between two lines that tell how far it is. */
    private static final long REPORT_EVERY = 250_000;

    private FuzzRounds() {}

    /** One thread's share: the seeds, and whatever files it works on. */
    @FunctionalInterface
    public interface Rounds {
        /** Runs one round. */
        void run(long seed) throws Exception;
    }

    /** The rounds of a soak run: the system property {@code lamina.fuzz.rounds}, else {@code ordinary}. */
    public static long soakRounds(long ordinary) {
        return Long.getLong("lamina.fuzz.rounds", ordinary);
    }

    /**
     * Runs the seeds from {@code firstSeed} on.
     *
     * @param rounds makes one thread's share; called once for each thread
     * @throws AssertionError the first failure of a round
     */
    public static void run(long firstSeed, long count, Callable<Rounds> rounds) throws InterruptedException {
        AtomicLong next = new AtomicLong();
        List<Future<Void>> threads = new ArrayList<>();
        try (ExecutorService executor = Executors.newCachedThreadPool()) {
            for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
                threads.add(executor.submit(() -> share(firstSeed, count, next, rounds.call())));
            }
        }
        for (Future<Void> thread : threads) {
            try {
                thread.get();
            } catch (ExecutionException failure) {
                // Most failures are assertions; whatever it is, its message has the seed.
                throw new AssertionError(failure.getCause().getMessage(), failure.getCause());
            }
        }
    }

    private static Void share(long firstSeed, long count, AtomicLong next, Rounds rounds) throws Exception {
        try {
            for (long round = next.getAndIncrement(); round < count; round = next.getAndIncrement()) {
                rounds.run(firstSeed + round);
                if ((round + 1) % REPORT_EVERY == 0) {
                    System.out.println("fuzz: " + (round + 1) + " of " + count + " rounds, seeds from " + firstSeed);
                }
            }
        } finally {
            next.set(count); // a failure ends the other threads, too
        }
        return null;
    }
}
