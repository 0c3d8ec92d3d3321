package io.lamina.host.containerd;

import io.lamina.host.api.Daemon;
import io.lamina.host.ops.Configuration;
import io.lamina.host.store.StoreRoot;
import io.lamina.linux.Mount;
import io.lamina.linux.MountTable;
import io.lamina.wire.diff.ApplyRequest;
import io.lamina.wire.diff.DiffGrpcClient;
import io.lamina.wire.lamina.AttachRequest;
import io.lamina.wire.lamina.AttachResponse;
import io.lamina.wire.lamina.DetachRequest;
import io.lamina.wire.lamina.LaminaGrpcClient;
import io.lamina.wire.lamina.StatusRequest;
import io.lamina.wire.lamina.StatusResponse;
import io.lamina.wire.snapshots.CleanupRequest;
import io.lamina.wire.snapshots.CommitSnapshotRequest;
import io.lamina.wire.snapshots.Info;
import io.lamina.wire.snapshots.ListSnapshotsRequest;
import io.lamina.wire.snapshots.MountsRequest;
import io.lamina.wire.snapshots.PrepareSnapshotRequest;
import io.lamina.wire.snapshots.RemoveSnapshotRequest;
import io.lamina.wire.snapshots.SnapshotsGrpcClient;
import io.lamina.wire.snapshots.StatSnapshotRequest;
import io.lamina.wire.snapshots.UpdateSnapshotRequest;
import io.lamina.wire.snapshots.UsageRequest;
import io.lamina.wire.snapshots.UsageResponse;
import io.lamina.wire.snapshots.ViewSnapshotRequest;
import io.lamina.wire.types.Descriptor;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.client.GrpcClient;
import io.vertx.grpc.client.InvalidStatusException;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** A daemon in this process, and a client of it over its socket. Closing takes all mounts below its directory away. */
final class TestDaemon implements AutoCloseable {
    private final Path directory;
    private final AutoCloseable daemon;
    private final Vertx vertx = Vertx.vertx();
    private final GrpcClient client;
    private final SocketAddress address;
    private final SnapshotsGrpcClient snapshots;
    private final DiffGrpcClient differ;
    private final LaminaGrpcClient lamina;

    private TestDaemon(Path directory, AutoCloseable daemon) {
        this.directory = directory;
        this.daemon = daemon;
        this.address = SocketAddress.domainSocketAddress(socket().toString());
        this.client = GrpcClient.client(vertx);
        this.snapshots = SnapshotsGrpcClient.create(client, address);
        this.differ = DiffGrpcClient.create(client, address);
        this.lamina = LaminaGrpcClient.create(client, address);
    }

    static TestDaemon start(Path directory) throws IOException {
        return start(directory, Configuration.empty());
    }

    static TestDaemon start(Path directory, Configuration configuration) throws IOException {
        Daemon.Paths paths = new Daemon.Paths(StoreRoot.in(directory.resolve("store")), directory.resolve("l.sock"));
        return new TestDaemon(directory, Daemon.start(configuration, paths, "test"));
    }

    /** A client of a daemon of the directory that is another process. */
    static TestDaemon connect(Path directory) {
        return new TestDaemon(directory, () -> {});
    }

    /** A call that was refused. */
    static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final transient GrpcStatus status;

        Refused(InvalidStatusException told) {
            super(told.actualStatus() + ": " + told.getMessage(), told);
            this.status = told.actualStatus();
        }

        GrpcStatus status() {
            return status;
        }
    }

    Path socket() {
        return directory.resolve("l.sock");
    }

    Path root() {
        return directory.resolve("store");
    }

    private static <T> T await(Future<T> future) {
        try {
            return future.toCompletionStage().toCompletableFuture().join();
        } catch (CompletionException failure) {
            if (failure.getCause() instanceof InvalidStatusException told) {
                throw new Refused(told);
            }
            throw failure;
        }
    }

    List<SnapshotMount> prepare(String key, String parent) {
        return prepare(key, parent, Map.of());
    }

    List<SnapshotMount> prepare(String key, String parent, Map<String, String> labels) {
        return SnapshotsBinding.ours(await(snapshots.prepare(PrepareSnapshotRequest.newBuilder()
                        .setKey(key)
                        .setParent(parent)
                        .putAllLabels(labels)
                        .build()))
                .getMountsList());
    }

    List<SnapshotMount> view(String key, String parent) {
        return SnapshotsBinding.ours(await(snapshots.view(ViewSnapshotRequest.newBuilder()
                        .setKey(key)
                        .setParent(parent)
                        .build()))
                .getMountsList());
    }

    List<SnapshotMount> mounts(String key) {
        return SnapshotsBinding.ours(
                await(snapshots.mounts(MountsRequest.newBuilder().setKey(key).build()))
                        .getMountsList());
    }

    void commit(String name, String key) {
        commit(name, key, "", Map.of());
    }

    void commit(String name, String key, String parent, Map<String, String> labels) {
        await(snapshots.commit(CommitSnapshotRequest.newBuilder()
                .setName(name)
                .setKey(key)
                .setParent(parent)
                .putAllLabels(labels)
                .build()));
    }

    void remove(String key) {
        await(snapshots.remove(RemoveSnapshotRequest.newBuilder().setKey(key).build()));
    }

    /** What a client is told that may not remove a snapshot. */
    String wordsOfRemoving(String key) {
        return await(client.request(address, SnapshotsGrpcClient.Remove)
                .compose(request -> {
                    request.end(RemoveSnapshotRequest.newBuilder().setKey(key).build());
                    return request.response();
                })
                .compose(response ->
                        response.end().otherwiseEmpty().map(_ -> String.valueOf(response.statusMessage()))));
    }

    Info stat(String key) {
        return await(snapshots.stat(StatSnapshotRequest.newBuilder().setKey(key).build()))
                .getInfo();
    }

    Info update(UpdateSnapshotRequest request) {
        return await(snapshots.update(request)).getInfo();
    }

    /** Unpacks a layer of containerd's content store and tells its diffID. */
    String apply(List<SnapshotMount> mounts, String mediaType, String digest) {
        return await(differ.apply(ApplyRequest.newBuilder()
                        .setDiff(Descriptor.newBuilder().setMediaType(mediaType).setDigest(digest))
                        .addAllMounts(SnapshotsBinding.wire(mounts))
                        .build()))
                .getApplied()
                .getDigest();
    }

    long attach(String key, long pid) {
        return await(lamina.attach(AttachRequest.newBuilder()
                        .setKey(key)
                        .setPid((int) pid)
                        .setSandbox("a test")
                        .build()))
                .getId();
    }

    /** As {@link #attach}, with the snapshot's devices served. */
    AttachResponse serve(String key, long pid) {
        return await(lamina.attach(AttachRequest.newBuilder()
                .setKey(key)
                .setPid((int) pid)
                .setSandbox("a test")
                .setServe(true)
                .build()));
    }

    void detach(long id) {
        await(lamina.detach(DetachRequest.newBuilder().setId(id).build()));
    }

    UsageResponse usage(String key) {
        return await(snapshots.usage(UsageRequest.newBuilder().setKey(key).build()));
    }

    void cleanup() {
        await(snapshots.cleanup(CleanupRequest.getDefaultInstance()));
    }

    List<Info> list(String... filters) {
        List<Info> infos = new ArrayList<>();
        CompletableFuture<Void> end = new CompletableFuture<>();
        // On the event loop that brings the answer, or its end could have passed before anybody listens.
        vertx.runOnContext(_ -> snapshots
                .list(ListSnapshotsRequest.newBuilder()
                        .addAllFilters(List.of(filters))
                        .build())
                .onFailure(end::completeExceptionally)
                .onSuccess(stream -> {
                    stream.handler(page -> infos.addAll(page.getInfoList()));
                    stream.exceptionHandler(end::completeExceptionally);
                    stream.endHandler(_ -> end.complete(null));
                }));
        await(Future.fromCompletionStage(end));
        return infos;
    }

    StatusResponse status() {
        return await(lamina.status(StatusRequest.getDefaultInstance()));
    }

    /** Mounts below this daemon's directory. */
    List<String> mountsBelow() throws IOException {
        return MountTable.read().stream()
                .map(MountTable.Entry::target)
                .filter(target -> Path.of(target).startsWith(directory))
                .toList();
    }

    @Override
    public void close() throws IOException {
        vertx.close().toCompletionStage().toCompletableFuture().join();
        try {
            daemon.close();
        } catch (IOException | RuntimeException failure) {
            throw failure;
        } catch (Exception other) {
            throw new IOException(other);
        }
        for (String target : mountsBelow().reversed()) {
            Mount.unmount(target, Mount.MNT_DETACH);
        }
    }
}
