package io.lamina.host.containerd;

import io.lamina.host.ops.Answers;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.wire.content.ContentGrpcClient;
import io.lamina.wire.content.ListContentRequest;
import io.lamina.wire.content.ListContentResponse;
import io.lamina.wire.content.ReadContentRequest;
import io.lamina.wire.content.ReadContentResponse;
import io.lamina.wire.leases.CreateRequest;
import io.lamina.wire.leases.LeasesGrpcClient;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.client.GrpcClient;
import io.vertx.grpc.client.GrpcClientRequest;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The containerd that this daemon serves, as a server of its own: what layers are read from and written to. Calls block
 * and are made from workers.
 */
public final class Containerd {
    static final String NAMESPACE_HEADER = "containerd-namespace";
    private static final String LEASE_HEADER = "containerd-lease";

    private static final Duration LEASE = Duration.ofHours(1);
    private static final long ANSWER_SECONDS = 60;

    private final GrpcClient client;
    private final SocketAddress address;
    private final Address place;

    /**
     * Where it is.
     *
     * @param socket its gRPC socket
     * @param root its directory, in whose content store layers are found without asking
     * @param namespace for requests that name none
     */
    public record Address(Path socket, Path root, String namespace) {
        /** Where packages put it. */
        public static final Address USUAL =
                new Address(Path.of("/run/containerd/containerd.sock"), Path.of("/var/lib/containerd"), "default");
    }

    public Containerd(Vertx vertx, Address place) {
        this.client = GrpcClient.client(vertx);
        this.address = SocketAddress.domainSocketAddress(place.socket.toString());
        this.place = place;
    }

    /** The namespace of a request that names none. */
    String defaultNamespace() {
        return place.namespace;
    }

    /** The stored bytes of content, from containerd's directory where that can be read, else from containerd. */
    InputStream open(Digest digest, String namespace) throws IOException {
        try {
            return Files.newInputStream(file(digest));
        } catch (NoSuchFileException | AccessDeniedException elsewhere) {
            return read(digest, namespace);
        }
    }

    /** Whether the content has arrived, as far as its directory tells. */
    boolean hasFile(Digest digest) {
        return Files.exists(file(digest));
    }

    private Path file(Digest digest) {
        return place.root.resolve("io.containerd.content.v1.content/blobs/sha256/" + digest.hex());
    }

    /** The content that a filter of containerd's language finds. */
    Set<Digest> find(String filter, String namespace) throws IOException {
        GrpcClientRequest<ListContentRequest, ListContentResponse> request = request(ContentGrpcClient.List, namespace);
        Set<Digest> found = ConcurrentHashMap.newKeySet();
        var answer = request.response().compose(response -> {
            response.handler(page -> page.getInfoList().forEach(info -> add(found, info.getDigest())));
            return response.end();
        });
        Future<Void> _ =
                request.end(ListContentRequest.newBuilder().addFilters(filter).build());
        Void _ = await(answer);
        return found;
    }

    private static void add(Set<Digest> found, String digest) {
        try {
            found.add(Digest.parse(digest));
        } catch (CorruptImageException ofAnotherAlgorithm) {
            // No layer of ours has it.
        }
    }

    private InputStream read(Digest digest, String namespace) throws IOException {
        GrpcClientRequest<ReadContentRequest, ReadContentResponse> request = request(ContentGrpcClient.Read, namespace);
        ContentInput input = new ContentInput(digest);
        request.response()
                .onSuccess(response -> {
                    response.pause();
                    input.start(response);
                })
                .onFailure(input::failed);
        await(request.end(
                ReadContentRequest.newBuilder().setDigest(digest.toString()).build()));
        return input;
    }

    /** A lease that keeps new content until somebody refers to it, and ends by itself. */
    String lease(String namespace) throws IOException {
        String id = "lamina-" + UUID.randomUUID();
        var request = request(LeasesGrpcClient.Create, namespace);
        var answer = request.response()
                .compose(response -> response.status() == null || response.status() == GrpcStatus.OK
                        ? response.last()
                        : Future.failedFuture("containerd refused a lease: " + response.statusMessage()));
        Future<Void> _ = request.end(CreateRequest.newBuilder()
                .setId(id)
                .putAllLabels(Map.of(
                        "containerd.io/gc.expire",
                        Instant.now()
                                .plus(LEASE)
                                .truncatedTo(ChronoUnit.SECONDS)
                                .toString()))
                .build());
        await(answer);
        return id;
    }

    /** Starts writing content. */
    ContentOutput write(String ref, String namespace, String lease) throws IOException {
        var request = request(ContentGrpcClient.Write, namespace);
        request.headers().set(LEASE_HEADER, lease);
        return new ContentOutput(request, ref);
    }

    private <Q, A> GrpcClientRequest<Q, A> request(ServiceMethod<A, Q> method, String namespace) throws IOException {
        GrpcClientRequest<Q, A> request = await(client.request(address, method));
        request.headers().set(NAMESPACE_HEADER, namespace);
        return request;
    }

    /** Waits on a worker for what an event loop brings. */
    static <T> T await(Future<T> future) throws IOException {
        return Answers.await(future, "containerd", ANSWER_SECONDS);
    }
}
