package io.lamina.host.containerd;

import io.lamina.host.ops.Metrics;
import io.lamina.host.store.RefusedException;
import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.vertx.core.Future;
import io.vertx.core.WorkerExecutor;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.server.StatusException;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs what a call asks for, away from the event loop; tells each in one line of the log and in the metrics; and turns
 * what was thrown into the status that clients look at. The one place that does.
 */
public final class Calls {
    private static final Logger LOG = LoggerFactory.getLogger("lamina.calls");

    private final WorkerExecutor workers;
    private final Metrics metrics;

    public Calls(WorkerExecutor workers, Metrics metrics) {
        this.workers = workers;
        this.metrics = metrics;
    }

    /**
     * Runs {@code work} on a worker.
     *
     * @param call its name in log and metrics
     * @param subject what it is about, such as a snapshot's key
     */
    public <T> Future<T> run(String call, String subject, Callable<T> work) {
        long start = System.nanoTime();
        return workers.executeBlocking(work, false)
                .onComplete(
                        _ -> done(call, subject, start, "ok"),
                        failure -> done(call, subject, start, failure.toString()))
                .recover(failure -> Future.failedFuture(status(failure)));
    }

    private void done(String call, String subject, long start, String outcome) {
        long tookNanos = System.nanoTime() - start;
        metrics.call(call, outcome.equals("ok"), tookNanos);
        LOG.atInfo()
                .addKeyValue("call", call)
                .addKeyValue("subject", subject)
                .addKeyValue("ms", tookNanos / 1_000_000)
                .addKeyValue("outcome", outcome)
                .log("call");
    }

    static Throwable status(Throwable failure) {
        String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
        GrpcStatus status = switch (failure) {
            case StatusException told -> told.status();
            case RefusedException refused ->
                switch (refused.reason()) {
                    case NOT_FOUND -> GrpcStatus.NOT_FOUND;
                    case ALREADY_EXISTS -> GrpcStatus.ALREADY_EXISTS;
                    case INVALID_ARGUMENT -> GrpcStatus.INVALID_ARGUMENT;
                    case FAILED_PRECONDITION -> GrpcStatus.FAILED_PRECONDITION;
                    case UNIMPLEMENTED -> GrpcStatus.UNIMPLEMENTED;
                    case RESOURCE_EXHAUSTED -> GrpcStatus.RESOURCE_EXHAUSTED;
                };
            case CorruptImageException _ -> GrpcStatus.DATA_LOSS;
            case UnsupportedImageException _ -> GrpcStatus.INVALID_ARGUMENT;
            case IOException disk when isFull(disk) -> GrpcStatus.RESOURCE_EXHAUSTED;
            default -> GrpcStatus.UNKNOWN;
        };
        if (status == GrpcStatus.UNKNOWN) {
            LOG.atError().setCause(failure).log("unexpected failure");
        }
        return new StatusException(status, message);
    }

    private static boolean isFull(IOException failure) {
        String message = String.valueOf(failure.getMessage());
        return message.contains("No space left on device") || message.contains("disk is full");
    }
}
