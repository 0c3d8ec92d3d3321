package io.lamina.host.containerd;

import io.lamina.host.store.RefusedException;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.wire.diff.ApplyRequest;
import io.lamina.wire.diff.ApplyResponse;
import io.lamina.wire.diff.DiffGrpcService;
import io.lamina.wire.diff.DiffRequest;
import io.lamina.wire.diff.DiffResponse;
import io.lamina.wire.types.Descriptor;
import io.vertx.core.MultiMap;
import io.vertx.grpc.server.GrpcServer;
import java.io.IOException;

/** containerd's Diff service: its messages to and from {@link Differ}. */
public final class DiffBinding {
    private final Differ differ;
    private final Containerd containerd;

    public DiffBinding(Differ differ, Containerd containerd) {
        this.differ = differ;
        this.containerd = containerd;
    }

    /**
     * Binds the service.
     *
     * @param heavy runs what converts and compresses
     */
    public void bind(GrpcServer server, Calls heavy) {
        Services services = new Services(server);
        services.unary(DiffGrpcService.Apply, heavy, DiffBinding::subject, this::apply);
        services.unary(DiffGrpcService.Diff, heavy, request -> Calls.Subject.of(request.getRef()), this::diff);
    }

    /** The layer; containerd's annotations name the image where CRI or a lazy snapshotter wants them. */
    private static Calls.Subject subject(ApplyRequest request) {
        return new Calls.Subject(
                request.getDiff().getDigest(),
                request.getDiff().getAnnotationsMap().getOrDefault("containerd.io/snapshot/cri.image-ref", ""),
                "");
    }

    private ApplyResponse apply(ApplyRequest request, MultiMap headers) throws IOException {
        Descriptor layer = request.getDiff();
        Differ.Described applied = differ.apply(
                new Differ.Described(
                        layer.getMediaType(), digest(layer.getDigest()), layer.getSize(), layer.getAnnotationsMap()),
                SnapshotsBinding.ours(request.getMountsList()),
                request.getPayloadsCount() > 0,
                namespace(headers));
        return ApplyResponse.newBuilder().setApplied(wire(applied)).build();
    }

    private DiffResponse diff(DiffRequest request, MultiMap headers) throws IOException {
        Differ.Described made = differ.diff(new Differ.WantedDiff(
                SnapshotsBinding.ours(request.getLeftList()),
                SnapshotsBinding.ours(request.getRightList()),
                request.getMediaType(),
                request.getRef(),
                request.getLabelsMap(),
                namespace(headers)));
        return DiffResponse.newBuilder().setDiff(wire(made)).build();
    }

    private String namespace(MultiMap headers) {
        String given = headers.get(Containerd.NAMESPACE_HEADER);
        return given == null || given.isEmpty() ? containerd.defaultNamespace() : given;
    }

    private static Digest digest(String text) throws RefusedException {
        try {
            return Digest.parse(text);
        } catch (CorruptImageException wrong) {
            throw new RefusedException(RefusedException.Reason.INVALID_ARGUMENT, String.valueOf(wrong.getMessage()));
        }
    }

    private static Descriptor wire(Differ.Described described) {
        return Descriptor.newBuilder()
                .setMediaType(described.mediaType())
                .setDigest(described.digest().toString())
                .setSize(described.sizeBytes())
                .putAllAnnotations(described.annotations())
                .build();
    }
}
