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
import java.util.Map;
import java.util.concurrent.Callable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs what a call asks for, away from the event loop; tells each in one line of the log and in the metrics; and turns
 * what was thrown into the status that clients look at. The one place that does.
 */
public final class Calls {
    private static final Logger LOG = LoggerFactory.getLogger("lamina.calls");

    /**
     * What a call is about, for the log; empty where nobody says.
     *
     * @param name such as a snapshot's key or a layer's digest
     * @param image the image that it belongs to: its name, or the digest of its chain of layers
     * @param owner who asks: a namespace of containerd's, or a sandbox and its process
     */
    public record Subject(String name, String image, String owner) {
        /** By its name alone. */
        public static Subject of(String name) {
            return new Subject(name, "", "");
        }

        /** A snapshot: containerd's keys begin with the namespace, and its labels name the image. */
        static Subject ofSnapshot(String key, Map<String, String> labels) {
            int slash = key.indexOf('/');
            String image = labels.getOrDefault(
                    "containerd.io/snapshot/cri.image-ref", labels.getOrDefault("containerd.io/snapshot.ref", ""));
            return new Subject(key, image, slash < 0 ? "" : key.substring(0, slash));
        }
    }

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
     * @param subject what it is about
     */
    public <T> Future<T> run(String call, Subject subject, Callable<T> work) {
        long start = System.nanoTime();
        return workers.executeBlocking(work, false)
                .onComplete(
                        _ -> done(call, subject, start, "ok"),
                        failure -> done(call, subject, start, failure.toString()))
                .recover(failure -> Future.failedFuture(status(failure)));
    }

    private void done(String call, Subject subject, long start, String outcome) {
        long tookNanos = System.nanoTime() - start;
        metrics.call(call, outcome.equals("ok"), tookNanos);
        if (outcome.startsWith(CorruptImageException.class.getName())) {
            metrics.verifyFailed();
        }
        LOG.atInfo()
                .addKeyValue("call", call)
                .addKeyValue("subject", subject.name)
                .addKeyValue("image", subject.image)
                .addKeyValue("owner", subject.owner)
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
