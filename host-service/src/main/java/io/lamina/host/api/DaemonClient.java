package io.lamina.host.api;

import io.lamina.host.ops.Answers;
import io.lamina.wire.lamina.LaminaGrpcClient;
import io.lamina.wire.lamina.StatusRequest;
import io.lamina.wire.lamina.StatusResponse;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.client.GrpcClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Asks a daemon. */
public final class DaemonClient {
    private static final long ANSWER_SECONDS = 20;

    private DaemonClient() {}

    /** What the daemon at {@code socket} says of itself. */
    public static StatusResponse status(Path socket) throws IOException {
        if (Files.notExists(socket)) {
            throw new IOException("no daemon answers at " + socket + "; start one with lamina serve");
        }
        Vertx vertx = Vertx.vertx();
        try {
            LaminaGrpcClient client = LaminaGrpcClient.create(
                    GrpcClient.client(vertx), SocketAddress.domainSocketAddress(socket.toString()));
            return Answers.await(
                    client.status(StatusRequest.getDefaultInstance()), "the daemon at " + socket, ANSWER_SECONDS);
        } finally {
            vertx.close();
        }
    }
}
