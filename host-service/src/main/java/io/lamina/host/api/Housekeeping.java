package io.lamina.host.api;

import io.lamina.host.store.DiskSpace;
import io.lamina.host.store.GarbageCollection;
import io.lamina.host.store.Store;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a daemon does unasked: each minute it looks whether the disk fills up, and each hour it collects old garbage. */
final class Housekeeping {
    private static final Logger LOG = LoggerFactory.getLogger(Housekeeping.class);
    private static final long STOP_SECONDS = 30;

    private Housekeeping() {}

    /** One round. */
    @FunctionalInterface
    private interface Round {
        GarbageCollection.Removed run() throws IOException;
    }

    static AutoCloseable start(Store store, DiskSpace space, Duration unusedFor) {
        ScheduledExecutorService rounds = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("housekeeping").factory());
        var _ = rounds.scheduleWithFixedDelay(() -> run("the disk is filling up", space::keep), 0, 1, TimeUnit.MINUTES);
        var _ = rounds.scheduleWithFixedDelay(
                () -> run("unused for " + unusedFor, () -> GarbageCollection.run(store, unusedFor)),
                1,
                1,
                TimeUnit.HOURS);
        return () -> {
            rounds.shutdown();
            boolean _ = rounds.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS);
        };
    }

    private static void run(String why, Round round) {
        try {
            GarbageCollection.Removed removed = round.run();
            if (removed.blobs() + removed.fsmetas() > 0) {
                LOG.atInfo()
                        .addKeyValue("blobs", removed.blobs())
                        .addKeyValue("bytes", removed.bytes())
                        .addKeyValue("fsmetas", removed.fsmetas())
                        .log("collected: {}", why);
            }
        } catch (IOException | RuntimeException failure) {
            LOG.atError().setCause(failure).log("housekeeping failed; it is tried again");
        }
    }
}
