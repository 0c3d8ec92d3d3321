package io.lamina.host.registry;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Runs transfers beside each other; the first that fails ends the others. */
final class Transfers {
    private Transfers() {}

    /** One of them. */
    @FunctionalInterface
    interface Transfer {
        void run() throws IOException;
    }

    /** @param parallel how many at once, 1 or more */
    static void run(List<Transfer> transfers, int parallel) throws IOException {
        ExecutorService pool =
                Executors.newFixedThreadPool(parallel, Thread.ofVirtual().factory());
        var running = new ExecutorCompletionService<Boolean>(pool);
        try {
            for (Transfer transfer : transfers) {
                var _ = running.submit(() -> {
                    transfer.run();
                    return true;
                });
            }
            for (int i = 0; i < transfers.size(); i++) {
                boolean _ = running.take().get();
            }
        } catch (ExecutionException failure) {
            throw failure.getCause() instanceof IOException told ? told : new IOException(failure.getCause());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("cancelled");
        } finally {
            pool.shutdownNow();
            pool.close();
        }
    }
}
