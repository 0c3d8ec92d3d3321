package io.lamina.host.containerd;

import com.google.protobuf.Empty;
import com.google.protobuf.Timestamp;
import io.lamina.host.store.RefusedException;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.SnapshotStore;
import io.lamina.wire.snapshots.Info;
import io.lamina.wire.snapshots.ListSnapshotsRequest;
import io.lamina.wire.snapshots.ListSnapshotsResponse;
import io.lamina.wire.snapshots.MountsResponse;
import io.lamina.wire.snapshots.PrepareSnapshotResponse;
import io.lamina.wire.snapshots.SnapshotsGrpcService;
import io.lamina.wire.snapshots.StatSnapshotResponse;
import io.lamina.wire.snapshots.UpdateSnapshotRequest;
import io.lamina.wire.snapshots.UpdateSnapshotResponse;
import io.lamina.wire.snapshots.UsageResponse;
import io.lamina.wire.snapshots.ViewSnapshotResponse;
import io.lamina.wire.types.Mount;
import io.vertx.grpc.server.GrpcServer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;

/** containerd's Snapshots service: its messages to and from {@link Snapshotter}. */
public final class SnapshotsBinding {
    /** Some clients refuse messages of 256 KiB. */
    private static final int PAGE_BYTES = 64 << 10;

    private static final String LABELS = "labels";
    private static final String LABEL_PREFIX = "labels.";

    private final Snapshotter snapshotter;

    public SnapshotsBinding(Snapshotter snapshotter) {
        this.snapshotter = snapshotter;
    }

    /**
     * Binds the service.
     *
     * @param quick runs what ends soon
     * @param heavy runs what may convert a layer
     */
    public void bind(GrpcServer server, Calls quick, Calls heavy) {
        Services services = new Services(server);
        services.unary(
                SnapshotsGrpcService.Prepare,
                quick,
                request -> Calls.Subject.ofSnapshot(request.getKey(), request.getLabelsMap()),
                (request, _) -> PrepareSnapshotResponse.newBuilder()
                        .addAllMounts(wire(snapshotter.make(
                                Snapshot.Kind.ACTIVE,
                                named(request.getKey()),
                                optional(request.getParent()),
                                request.getLabelsMap())))
                        .build());
        services.unary(
                SnapshotsGrpcService.View,
                quick,
                request -> Calls.Subject.ofSnapshot(request.getKey(), request.getLabelsMap()),
                (request, _) -> ViewSnapshotResponse.newBuilder()
                        .addAllMounts(wire(snapshotter.make(
                                Snapshot.Kind.VIEW,
                                named(request.getKey()),
                                optional(request.getParent()),
                                request.getLabelsMap())))
                        .build());
        services.unary(
                SnapshotsGrpcService.Mounts,
                quick,
                request -> subject(request.getKey()),
                (request, _) -> MountsResponse.newBuilder()
                        .addAllMounts(wire(snapshotter.mounts(request.getKey())))
                        .build());
        services.unary(
                SnapshotsGrpcService.Commit,
                heavy,
                request -> Calls.Subject.ofSnapshot(request.getKey(), request.getLabelsMap()),
                (request, _) -> {
                    snapshotter.commit(
                            request.getKey(),
                            named(request.getName()),
                            optional(request.getParent()),
                            request.getLabelsMap());
                    return Empty.getDefaultInstance();
                });
        services.unary(SnapshotsGrpcService.Remove, quick, request -> subject(request.getKey()), (request, _) -> {
            snapshotter.remove(request.getKey());
            return Empty.getDefaultInstance();
        });
        services.unary(
                SnapshotsGrpcService.Stat,
                quick,
                request -> subject(request.getKey()),
                (request, _) -> StatSnapshotResponse.newBuilder()
                        .setInfo(info(snapshotter.snapshots().get(request.getKey())))
                        .build());
        services.unary(
                SnapshotsGrpcService.Update,
                quick,
                request -> subject(request.getInfo().getName()),
                (request, _) -> UpdateSnapshotResponse.newBuilder()
                        .setInfo(info(update(request)))
                        .build());
        services.unary(SnapshotsGrpcService.Usage, quick, request -> subject(request.getKey()), (request, _) -> {
            Snapshot.Usage usage = snapshotter.usage(request.getKey());
            return UsageResponse.newBuilder()
                    .setSize(usage.sizeBytes())
                    .setInodes(usage.inodes())
                    .build();
        });
        services.unary(SnapshotsGrpcService.Cleanup, heavy, _ -> Calls.Subject.of(""), (_, _) -> {
            snapshotter.cleanup();
            return Empty.getDefaultInstance();
        });
        server.callHandler(SnapshotsGrpcService.List, request -> {
            AtomicBoolean gone = Services.watch(request);
            request.handler(message -> quick.run(
                            "List", Calls.Subject.of(String.join(" ", message.getFiltersList())), () -> list(message))
                    .onSuccess(pages -> {
                        if (!gone.get()) {
                            pages.forEach(page -> request.response().write(page));
                            request.response().end();
                        }
                    })
                    .onFailure(failure -> {
                        if (!gone.get()) {
                            request.response().fail(failure);
                        }
                    }));
        });
    }

    private List<ListSnapshotsResponse> list(ListSnapshotsRequest request) throws IOException {
        Predicate<Snapshot> filter = Filter.any(request.getFiltersList());
        List<ListSnapshotsResponse> pages = new ArrayList<>();
        ListSnapshotsResponse.Builder page = ListSnapshotsResponse.newBuilder();
        int bytes = 0;
        for (Snapshot snapshot : snapshotter.snapshots().all()) {
            if (filter.test(snapshot)) {
                Info info = info(snapshot);
                page.addInfo(info);
                bytes += info.getSerializedSize();
            }
            if (bytes > PAGE_BYTES) {
                pages.add(page.build());
                page.clear();
                bytes = 0;
            }
        }
        if (page.getInfoCount() > 0) {
            pages.add(page.build());
        }
        return pages;
    }

    private Snapshot update(UpdateSnapshotRequest request) throws IOException {
        Map<String, String> given = request.getInfo().getLabelsMap();
        List<String> paths = request.hasUpdateMask() ? request.getUpdateMask().getPathsList() : List.of();
        for (String path : paths) {
            if (!path.equals(LABELS) && !path.startsWith(LABEL_PREFIX)) {
                throw new RefusedException(
                        RefusedException.Reason.INVALID_ARGUMENT,
                        "cannot update " + path + " field on snapshot "
                                + request.getInfo().getName());
            }
        }
        SnapshotStore.LabelChange change = old -> {
            if (paths.isEmpty()) {
                return given;
            }
            Map<String, String> labels = new HashMap<>(old);
            for (String path : paths) {
                if (path.equals(LABELS)) {
                    labels = new HashMap<>(given);
                    continue;
                }
                String name = path.substring(LABEL_PREFIX.length());
                if (given.containsKey(name)) {
                    labels.put(name, given.getOrDefault(name, ""));
                } else {
                    labels.remove(name);
                }
            }
            return labels;
        };
        return snapshotter.snapshots().relabel(request.getInfo().getName(), change);
    }

    private static Calls.Subject subject(String key) {
        return Calls.Subject.ofSnapshot(key, Map.of());
    }

    private static String named(String name) throws RefusedException {
        if (name.isEmpty()) {
            throw new RefusedException(RefusedException.Reason.INVALID_ARGUMENT, "a snapshot without a name");
        }
        return name;
    }

    private static Optional<String> optional(String name) {
        return name.isEmpty() ? Optional.empty() : Optional.of(name);
    }

    static List<Mount> wire(List<SnapshotMount> mounts) {
        return mounts.stream()
                .map(mount -> Mount.newBuilder()
                        .setType(mount.type())
                        .setSource(mount.source())
                        .addAllOptions(mount.options())
                        .build())
                .toList();
    }

    static List<SnapshotMount> ours(List<Mount> mounts) {
        return mounts.stream()
                .map(mount -> new SnapshotMount(mount.getType(), mount.getSource(), mount.getOptionsList()))
                .toList();
    }

    private static Info info(Snapshot snapshot) {
        return Info.newBuilder()
                .setName(snapshot.key())
                .setParent(snapshot.parent().map(Snapshot.Parent::key).orElse(""))
                .setKindValue(snapshot.kind().number())
                .setCreatedAt(timestamp(snapshot.times().createdNs()))
                .setUpdatedAt(timestamp(snapshot.times().updatedNs()))
                .putAllLabels(snapshot.labels())
                .build();
    }

    private static Timestamp timestamp(long epochNs) {
        return Timestamp.newBuilder()
                .setSeconds(Math.floorDiv(epochNs, 1_000_000_000L))
                .setNanos((int) Math.floorMod(epochNs, 1_000_000_000L))
                .build();
    }
}
