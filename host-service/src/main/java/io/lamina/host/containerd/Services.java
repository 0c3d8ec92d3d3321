package io.lamina.host.containerd;

import io.vertx.core.MultiMap;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.GrpcServerRequest;
import io.vertx.grpc.server.StatusException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/** Binds calls with one message and one answer to what answers them. */
public final class Services {
    private final GrpcServer server;

    public Services(GrpcServer server) {
        this.server = server;
    }

    /** What answers. */
    @FunctionalInterface
    public interface Work<Q, A> {
        A run(Q request, MultiMap headers) throws Exception;
    }

    /**
     * Binds a call.
     *
     * @param subject what a request is about, for the log
     */
    public <Q, A> void unary(
            ServiceMethod<Q, A> method, Calls calls, Function<Q, Calls.Subject> subject, Work<Q, A> work) {
        server.callHandler(method, request -> {
            AtomicBoolean asked = new AtomicBoolean();
            AtomicBoolean gone = watch(request);
            request.handler(message -> {
                if (asked.compareAndSet(false, true)) {
                    calls.run(method.methodName(), subject.apply(message), () -> work.run(message, request.headers()))
                            .onSuccess(answer -> {
                                if (!gone.get()) {
                                    request.response().end(answer);
                                }
                            })
                            .onFailure(failure -> {
                                if (!gone.get()) {
                                    request.response().fail(failure);
                                }
                            });
                }
            });
            request.endHandler(_ -> {
                if (asked.compareAndSet(false, true)) {
                    request.response()
                            .fail(new StatusException(GrpcStatus.INVALID_ARGUMENT, "a call without a message"));
                }
            });
        });
    }

    /** Becomes true when nobody waits for an answer any more; one that is sent nevertheless makes Vert.x stumble. */
    static AtomicBoolean watch(GrpcServerRequest<?, ?> request) {
        AtomicBoolean gone = new AtomicBoolean();
        request.exceptionHandler(_ -> gone.set(true));
        return gone;
    }
}
