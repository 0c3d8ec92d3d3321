package io.lamina.host.api;

import io.lamina.host.ops.Answers;
import io.lamina.host.ops.Metrics;
import io.lamina.host.store.Store;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.util.concurrent.Callable;

/** {@code /metrics} and {@code /healthz} over HTTP, for this machine alone. */
final class MetricsEndpoint {
    private static final long LISTEN_SECONDS = 10;

    private MetricsEndpoint() {}

    static AutoCloseable listen(Vertx vertx, int port, Metrics metrics, Store store) throws IOException {
        HttpServer server = vertx.createHttpServer().requestHandler(request -> {
            switch (request.path()) {
                case "/metrics" -> answer(vertx, request, metrics::scrape);
                case "/healthz" ->
                    answer(vertx, request, () -> "ok, " + store.snapshots().count() + " snapshots\n");
                default -> request.response().setStatusCode(404).end("try /metrics or /healthz\n");
            }
        });
        HttpServer _ = Answers.await(server.listen(port, "127.0.0.1"), "metrics_port " + port, LISTEN_SECONDS);
        return () -> {
            Void _ = Answers.await(server.close(), "metrics_port " + port, LISTEN_SECONDS);
        };
    }

    private static void answer(Vertx vertx, HttpServerRequest request, Callable<String> work) {
        vertx.executeBlocking(work, false)
                .onSuccess(text -> request.response()
                        .putHeader("content-type", "text/plain; version=0.0.4; charset=utf-8")
                        .end(text))
                .onFailure(failure -> request.response().setStatusCode(503).end(failure.getMessage() + "\n"));
    }
}
