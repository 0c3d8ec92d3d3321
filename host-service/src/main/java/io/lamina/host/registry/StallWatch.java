package io.lamina.host.registry;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Closes streams on which a read has waited too long: {@code java.net.http} limits the wait for a head, and none for a
 * body. A reader that takes its time is no stall.
 */
final class StallWatch implements AutoCloseable {
    private final long longestNanos;
    private final Set<Watched> streams = ConcurrentHashMap.newKeySet();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(
            Thread.ofVirtual().name("stalls").factory());

    StallWatch(Duration longest) {
        this.longestNanos = longest.toNanos();
        long everyMillis = Math.max(10, longest.toMillis() / 10);
        ScheduledFuture<?> _ = clock.scheduleAtFixedRate(this::look, everyMillis, everyMillis, TimeUnit.MILLISECONDS);
    }

    InputStream watch(InputStream in) {
        Watched watched = new Watched(in);
        streams.add(watched);
        return watched;
    }

    private void look() {
        long now = System.nanoTime();
        for (Watched stream : streams) {
            long since = stream.waitingSinceNanos;
            if (since != 0 && now - since > longestNanos) {
                stream.stalled = true;
                try {
                    stream.close();
                } catch (IOException alreadyBroken) {
                    // The reader is told that it has stalled.
                }
            }
        }
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }

    private final class Watched extends FilterInputStream {
        private volatile long waitingSinceNanos;
        private volatile boolean stalled;

        Watched(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            waitingSinceNanos = System.nanoTime() | 1;
            try {
                int count = in.read(target, offset, length);
                if (stalled) {
                    throw new IOException(complaint());
                }
                return count;
            } catch (IOException failure) {
                throw stalled ? new IOException(complaint(), failure) : failure;
            } finally {
                waitingSinceNanos = 0;
            }
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public void close() throws IOException {
            streams.remove(this);
            in.close();
        }

        private String complaint() {
            return "the server has sent nothing for " + TimeUnit.NANOSECONDS.toSeconds(longestNanos) + " s";
        }
    }
}
