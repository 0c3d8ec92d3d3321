package io.lamina.host.api;

import io.lamina.host.attach.HostMountMethod;
import io.lamina.host.attach.HostMounts;
import io.lamina.host.attach.InheritedSocket;
import io.lamina.host.attach.Owners;
import io.lamina.host.attach.ReadCheck;
import io.lamina.host.attach.ServedDevices;
import io.lamina.host.containerd.Calls;
import io.lamina.host.containerd.Containerd;
import io.lamina.host.containerd.DiffBinding;
import io.lamina.host.containerd.Differ;
import io.lamina.host.containerd.SnapshotsBinding;
import io.lamina.host.containerd.Snapshotter;
import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.ops.Answers;
import io.lamina.host.ops.Configuration;
import io.lamina.host.ops.Metrics;
import io.lamina.host.ops.Systemd;
import io.lamina.host.store.DiskSpace;
import io.lamina.host.store.LayerStore;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreLock;
import io.lamina.host.store.StoreRoot;
import io.lamina.vhostuser.block.IoCounts;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.GrpcServerOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The daemon: one store, served on one socket. Closing it lets calls under way end. */
public final class Daemon implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);
    private static final int QUICK_WORKERS = 32;
    private static final long MAX_MESSAGE_BYTES = 16 << 20;
    private static final long START_SECONDS = 30;
    private static final long STOP_SECONDS = 30;

    /** What is to be closed, the last first. */
    private final ArrayDeque<AutoCloseable> open = new ArrayDeque<>();

    private final Paths paths;

    /**
     * Where things are.
     *
     * @param root the store
     * @param socket what clients connect to
     */
    public record Paths(StoreRoot root, Path socket) {
        /** As the configuration says, with {@code home} for what it leaves open. */
        public static Paths of(Configuration configuration, Path home) {
            Path root = configuration.path("root", home.resolve("store"));
            return new Paths(
                    new StoreRoot(
                            configuration.path("image_root", root),
                            configuration.path("state_root", root),
                            configuration.paths("additional_stores")),
                    configuration.path("socket", home.resolve("lamina.sock")));
        }
    }

    private Daemon(Paths paths) {
        this.paths = paths;
    }

    /** Starts; on return the socket answers. */
    public static Daemon start(Configuration configuration, Paths paths, String version) throws IOException {
        Daemon daemon = new Daemon(paths);
        try {
            daemon.open(configuration, version);
            return daemon;
        } catch (IOException | RuntimeException failure) {
            daemon.close();
            throw failure;
        }
    }

    private void open(Configuration configuration, String version) throws IOException {
        Snapshot.Way way =
                Snapshot.Way.valueOf(configuration.oneOf("way", "host", "vm").toUpperCase(Locale.ROOT));
        Optional<String> runtime = Optional.of(configuration.oneOf("runtime", Snapshotter.runtimes()))
                .filter(name -> !name.equals(Snapshotter.NO_RUNTIME));
        boolean anyDiffer = configuration.oneOf("unpack", "lamina", "any").equals("any");
        OptionalInt inherited = InheritedSocket.fromSystemd(
                System.getenv(), ProcessHandle.current().pid());
        Files.createDirectories(paths.socket.toAbsolutePath().getParent());
        // Binding takes a socket away from whoever has it, so that is settled before.
        open.push(StoreLock.take(
                paths.socket.resolveSibling(paths.socket.getFileName() + ".lock"), "the socket " + paths.socket));
        Store store = Store.openForDaemon(paths.root);
        open.push(store);
        HostMounts mounts = new HostMounts(store, HostMountMethod.probe(paths.root.images()));
        if (mounts.method() != HostMountMethod.NONE) {
            mounts.recover();
        }
        StoredDevices devices = new StoredDevices(store);
        ServedDevices served = new ServedDevices(
                store,
                devices,
                ReadCheck.valueOf(configuration
                        .oneOf("verify_on_read", "off", "once", "always")
                        .toUpperCase(Locale.ROOT)));
        open.push(served);
        Owners owners = new Owners(store.attachments(), served::end);
        open.push(owners);
        owners.recover();
        served.recover(store.attachments().all());
        Vertx vertx = inherited.isPresent()
                ? Vertx.builder()
                        .withTransport(new InheritedListener(InheritedSocket.take(inherited.getAsInt())))
                        .build()
                : Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
        open.push(() -> await(vertx.close()));
        Metrics metrics = new Metrics();
        Calls quick = new Calls(vertx.createSharedWorkerExecutor("quick", QUICK_WORKERS), metrics);
        // Conversion is bound by processors; more of them at once would only take memory.
        int processors = Runtime.getRuntime().availableProcessors();
        Calls heavy = new Calls(
                vertx.createSharedWorkerExecutor("heavy", Math.max(2, processors), 1, TimeUnit.HOURS), metrics);
        DiskSpace space = new DiskSpace(
                store,
                new DiskSpace.Marks(
                        configuration.number("gc_below_percent", 0, 99),
                        configuration.number("refuse_below_percent", 0, 99)));
        Duration unusedFor = Duration.ofHours(configuration.number("gc_unused_hours", 1, 1_000_000));
        open.push(Housekeeping.start(store, space, unusedFor));
        Snapshotter snapshotter = new Snapshotter(
                store, devices, mounts, owners, new Snapshotter.Options(way, runtime, anyDiffer, space));
        Containerd containerd = new Containerd(
                vertx,
                new Containerd.Address(
                        Path.of(configuration.text("containerd.socket")),
                        Path.of(configuration.text("containerd.root")),
                        configuration.text("containerd.namespace")));
        Differ differ = new Differ(new Differ.Parts(store, snapshotter, mounts, devices, containerd), metrics);
        open.push(differ);
        gauges(metrics, store, devices, mounts, served);

        GrpcServer grpc = GrpcServer.server(
                vertx,
                new GrpcServerOptions().setMaxMessageSize(MAX_MESSAGE_BYTES).setScheduleDeadlineAutomatically(true));
        new SnapshotsBinding(snapshotter).bind(grpc, quick, heavy);
        new DiffBinding(differ, containerd).bind(grpc, heavy);
        new LaminaBinding(new LaminaBinding.Parts(store, owners, served, mounts, metrics), version).bind(grpc, quick);
        listen(vertx, grpc, inherited.isPresent());
        int port = configuration.number("metrics_port", 0, 65_535);
        if (port > 0) {
            open.push(MetricsEndpoint.listen(vertx, port, metrics, store));
        }
        LOG.atInfo()
                .addKeyValue("socket", paths.socket)
                .addKeyValue("root", paths.root.state())
                .addKeyValue("way", way)
                .addKeyValue("host_mounts", mounts.method())
                .addKeyValue("mounted", mounts.count())
                .log("ready");
        Systemd.say("READY=1");
    }

    private static void gauges(
            Metrics metrics, Store store, StoredDevices devices, HostMounts mounts, ServedDevices served) {
        metrics.gauge("lamina.merges", "Chains of layers merged since the start", devices::merges);
        metrics.gauge("lamina.served.devices", "Devices served to machines", served::count);
        metrics.count(
                "lamina.served.reads",
                "Pieces of files read for machines",
                () -> io(served).reads());
        metrics.count(
                "lamina.served.read.bytes", "Their bytes", () -> io(served).readBytes());
        metrics.count(
                "lamina.served.writes",
                "Pieces written by machines",
                () -> io(served).writes());
        metrics.count(
                "lamina.served.written.bytes", "Their bytes", () -> io(served).writtenBytes());
        metrics.count(
                "lamina.served.errors",
                "Requests of machines that failed",
                () -> io(served).errors());
        metrics.count(
                "lamina.served.verify.failures",
                "Reads of machines that met blocks other than their hashes say",
                served::wrongReads);
        metrics.gauge("lamina.host.mounts", "Devices mounted on this host", mounts::count);
        metrics.gauge(
                "lamina.blobs", "Layer blobs in the store", () -> sum(store).blobs());
        metrics.gauge("lamina.blob.bytes", "Their bytes", () -> sum(store).bytes());
        metrics.gauge(
                "lamina.dedup.ratio",
                "Bytes of all snapshots' layers, by the bytes of blobs that they share",
                () -> sum(store).sharing());
    }

    private static IoCounts.Sums io(ServedDevices served) {
        try {
            return served.counts();
        } catch (IOException lost) {
            return IoCounts.Sums.NONE; // the next data plane counts anew
        }
    }

    private static LayerStore.Sum sum(Store store) {
        try {
            return store.layers().sum();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private void listen(Vertx vertx, GrpcServer grpc, boolean inherited) throws IOException {
        HttpServer server = vertx.createHttpServer(new HttpServerOptions()).requestHandler(grpc);
        await(server.listen(SocketAddress.domainSocketAddress(paths.socket.toString())));
        open.push(() -> await(server.shutdown(STOP_SECONDS, TimeUnit.SECONDS)));
        if (!inherited) { // else it is the service manager's to say
            Files.setPosixFilePermissions(paths.socket, PosixFilePermissions.fromString("rw-------"));
        }
    }

    private static <T> T await(Future<T> future) throws IOException {
        return Answers.await(future, "the daemon", START_SECONDS + STOP_SECONDS);
    }

    @Override
    public void close() throws IOException {
        IOException first = null;
        while (!open.isEmpty()) {
            try {
                open.pop().close();
            } catch (IOException failure) {
                first = first == null ? failure : first;
            } catch (Exception failure) {
                first = first == null ? new IOException(failure) : first;
            }
        }
        if (first != null) {
            throw first;
        }
    }
}
