package io.lamina.host.api;

import io.lamina.host.attach.HostMounts;
import io.lamina.host.attach.Owners;
import io.lamina.host.containerd.Calls;
import io.lamina.host.containerd.Services;
import io.lamina.host.ops.Metrics;
import io.lamina.host.store.LayerStore;
import io.lamina.host.store.Store;
import io.lamina.wire.lamina.AttachRequest;
import io.lamina.wire.lamina.AttachResponse;
import io.lamina.wire.lamina.DetachResponse;
import io.lamina.wire.lamina.LaminaGrpcService;
import io.lamina.wire.lamina.StatusResponse;
import io.vertx.grpc.server.GrpcServer;
import java.io.IOException;
import java.util.Locale;

/** Lamina's own service. */
final class LaminaBinding {
    private final Parts parts;
    private final String version;
    private final long startNanos = System.nanoTime();

    /** What the service tells of. */
    record Parts(Store store, Owners owners, HostMounts mounts, Metrics metrics) {}

    LaminaBinding(Parts parts, String version) {
        this.parts = parts;
        this.version = version;
    }

    void bind(GrpcServer server, Calls quick) {
        Services services = new Services(server);
        services.unary(LaminaGrpcService.Status, quick, _ -> "", (_, _) -> status());
        services.unary(
                LaminaGrpcService.Attach,
                quick,
                AttachRequest::getKey,
                (request, _) -> AttachResponse.newBuilder()
                        .setId(parts.owners
                                .attach(request.getKey(), request.getPid(), request.getSandbox())
                                .id())
                        .build());
        services.unary(LaminaGrpcService.Detach, quick, request -> Long.toString(request.getId()), (request, _) -> {
            parts.owners.detach(request.getId());
            return DetachResponse.getDefaultInstance();
        });
    }

    private StatusResponse status() throws IOException {
        LayerStore.Sum blobs = parts.store.layers().sum();
        return StatusResponse.newBuilder()
                .setVersion(version)
                .setPid((int) ProcessHandle.current().pid())
                .setUptimeMs((System.nanoTime() - startNanos) / 1_000_000)
                .setRoot(parts.store.root().state().toString())
                .setHostMounts(
                        parts.mounts.method().name().toLowerCase(Locale.ROOT).replace('_', '-'))
                .setSnapshots(parts.store.snapshots().count())
                .setBlobs(blobs.blobs())
                .setBlobBytes(blobs.bytes())
                .setAttachments(parts.store.attachments().all().size())
                .putAllCounters(parts.metrics.values())
                .build();
    }
}
