package io.lamina.host.api;

import io.lamina.host.attach.HostMounts;
import io.lamina.host.attach.Owners;
import io.lamina.host.attach.ServedAttachment;
import io.lamina.host.attach.ServedDevices;
import io.lamina.host.containerd.Calls;
import io.lamina.host.containerd.Services;
import io.lamina.host.ops.Metrics;
import io.lamina.host.store.AttachmentStore.Attachment;
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
    record Parts(Store store, Owners owners, ServedDevices served, HostMounts mounts, Metrics metrics) {}

    LaminaBinding(Parts parts, String version) {
        this.parts = parts;
        this.version = version;
    }

    void bind(GrpcServer server, Calls quick) {
        Services services = new Services(server);
        services.unary(LaminaGrpcService.Status, quick, _ -> Calls.Subject.of(""), (_, _) -> status());
        services.unary(
                LaminaGrpcService.Attach,
                quick,
                request ->
                        new Calls.Subject(request.getKey(), "", request.getSandbox() + " process " + request.getPid()),
                (request, _) -> attach(request));
        services.unary(
                LaminaGrpcService.Detach,
                quick,
                request -> Calls.Subject.of(Long.toString(request.getId())),
                (request, _) -> {
                    parts.owners.detach(request.getId());
                    return DetachResponse.getDefaultInstance();
                });
    }

    private AttachResponse attach(AttachRequest request) throws IOException {
        Attachment attachment =
                parts.owners.attach(request.getKey(), request.getPid(), request.getSandbox(), request.getServe());
        AttachResponse.Builder answer = AttachResponse.newBuilder().setId(attachment.id());
        if (!request.getServe()) {
            return answer.build();
        }
        try {
            ServedAttachment served = parts.served.serve(attachment);
            served.device()
                    .ifPresent(device -> answer.setRootHash(device.rootHash().hex())
                            .setSizeBytes(device.sizeBytes())
                            .setDataBlocks(device.dataBlocks())
                            .setHashStartBlock(device.hashStartBlock()));
            served.imageSocket().ifPresent(path -> answer.setImageSocket(path.toString()));
            served.scratchSocket().ifPresent(path -> answer.setScratchSocket(path.toString()));
            return answer.build();
        } catch (IOException | RuntimeException failure) {
            parts.owners.detach(attachment.id());
            throw failure;
        }
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
