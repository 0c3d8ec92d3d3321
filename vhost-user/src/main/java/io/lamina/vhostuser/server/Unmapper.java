package io.lamina.vhostuser.server;

import java.util.List;
import java.util.concurrent.RejectedExecutionException;

/** Gives mapped memory up in threads that have the time: closing it waits for every thread of the process. */
final class Unmapper {
    private static final System.Logger LOG = System.getLogger(Unmapper.class.getName());

    private final EventLoop loop;

    Unmapper(EventLoop loop) {
        this.loop = loop;
    }

    /** Closes what nothing uses any more, and calls back on the loop. */
    void close(List<? extends AutoCloseable> regions, Runnable done) {
        if (regions.isEmpty()) {
            done.run();
            return;
        }
        List<AutoCloseable> gone = List.copyOf(regions);
        Thread.ofPlatform().daemon().name("unmap").start(() -> {
            for (AutoCloseable region : gone) {
                try {
                    region.close();
                } catch (Exception failure) {
                    LOG.log(System.Logger.Level.ERROR, "cannot unmap", failure);
                }
            }
            try {
                loop.execute(done);
            } catch (RejectedExecutionException over) {
                // The loop has ended, and nobody waits any more.
            }
        });
    }

    /** Closes what nothing uses any more. */
    void close(List<? extends AutoCloseable> regions) {
        close(regions, () -> {});
    }
}
