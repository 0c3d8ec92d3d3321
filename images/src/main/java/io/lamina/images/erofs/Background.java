package io.lamina.images.erofs;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Work of one kind on another thread, one piece at a time and in order: starting a piece waits for the one before, whose
 * failure it throws. What a piece touches belongs to it until then. Used by one thread, which must call {@link #await}
 * in the end.
 */
public final class Background {
    private final @Nullable ExecutorService workers;
    private @Nullable Future<?> running;

    /** @param workers who does the work; null for the caller itself */
    public Background(@Nullable ExecutorService workers) {
        this.workers = workers;
    }

    /** A piece of work. */
    @FunctionalInterface
    public interface Piece {
        /** Does it. */
        void run() throws IOException;
    }

    /** Waits for the piece before and starts this one. */
    public void start(Piece piece) throws IOException {
        await();
        ExecutorService others = workers;
        if (others == null) {
            piece.run();
            return;
        }
        running = others.submit(() -> {
            piece.run();
            return null;
        });
    }

    /** Waits until nothing runs. */
    public void await() throws IOException {
        Future<?> last = running;
        running = null;
        if (last == null) {
            return;
        }
        try {
            last.get();
        } catch (ExecutionException failed) {
            switch (failed.getCause()) {
                case IOException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                case null, default -> throw new AssertionError(failed);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            InterruptedIOException failure = new InterruptedIOException("interrupted while a block was written");
            failure.initCause(interrupted);
            throw failure;
        }
    }
}
