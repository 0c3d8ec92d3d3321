package io.lamina.host.ops;

import io.vertx.core.Future;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waits, on a thread that may, for what an event loop brings. */
public final class Answers {
    private Answers() {}

    /**
     * The future's value.
     *
     * @param who names in messages whom we wait for
     * @param seconds how long at most
     * @throws IOException if it fails, or takes longer
     */
    public static <T> T await(Future<T> future, String who, long seconds) throws IOException {
        try {
            return future.toCompletionStage().toCompletableFuture().get(seconds, TimeUnit.SECONDS);
        } catch (ExecutionException failure) {
            Throwable cause = Objects.requireNonNullElse(failure.getCause(), failure);
            throw new IOException(who + ": " + cause.getMessage(), cause);
        } catch (TimeoutException silent) {
            throw new IOException(who + ": no answer within " + seconds + " s", silent);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException(who + ": interrupted", interrupted);
        }
    }
}
