package io.lamina.vmtests.bench;

import io.lamina.host.ops.Answers;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import io.lamina.wire.snapshots.Info;
import io.lamina.wire.snapshots.Kind;
import io.lamina.wire.snapshots.ListSnapshotsRequest;
import io.lamina.wire.snapshots.PrepareSnapshotRequest;
import io.lamina.wire.snapshots.RemoveSnapshotRequest;
import io.lamina.wire.snapshots.SnapshotsGrpcClient;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.client.GrpcClient;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * {@code ./bench containerd}: unpacking, preparing and disk beside containerd's own erofs and overlayfs snapshotters, in
 * one containerd. Arguments: the image, a directory for files, the root of the peers' system (containerd, runc,
 * erofs-utils), rounds, and the words that start {@code lamina}.
 */
public final class ContainerdBench {
    private static final int IMAGES = 10;
    private static final int SNAPSHOTS = 1000;
    private static final long ANSWER_SECONDS = 300;
    private static final List<String> SNAPSHOTTERS = List.of("lamina", "erofs", "overlayfs");

    private final Path scratch;
    private final Peers peers;
    private final int rounds;
    private final List<String> lamina;
    private final List<Process> started = new ArrayList<>();
    private String namespace = "default";
    private int namespaces;

    private ContainerdBench(Path scratch, Peers peers, int rounds, List<String> lamina) {
        this.scratch = scratch;
        this.peers = peers;
        this.rounds = rounds;
        this.lamina = lamina;
    }

    /** Runs everything and prints tables in Markdown. */
    public static void main(String[] arguments) throws Exception {
        StoredImage image = ImageReference.parse(arguments[0]).open();
        ContainerdBench bench = new ContainerdBench(
                Path.of(arguments[1]),
                new Peers(Path.of(arguments[2])),
                Integer.parseInt(arguments[3]),
                List.of(arguments).subList(4, arguments.length));
        try {
            bench.start();
            bench.importImages(image);
            bench.unpack();
            bench.prepare();
            bench.disk();
        } finally {
            for (Process process : bench.started.reversed()) {
                process.destroy();
                process.waitFor();
            }
        }
    }

    private void start() throws IOException, InterruptedException {
        Path bin = Files.createDirectories(scratch.resolve("bin"));
        String mkfs = String.join(" ", peers.command("mkfs.erofs"));
        Path script = Files.writeString(bin.resolve("mkfs.erofs"), "#!/bin/sh\nexec " + mkfs + " \"$@\"\n");
        if (!script.toFile().setExecutable(true)) {
            throw new IOException(script + " cannot be made executable");
        }
        Path conf = Files.writeString(
                scratch.resolve("lamina.conf"),
                "root = " + scratch.resolve("store") + "\nsocket = " + socket() + "\ncontainerd.root = "
                        + scratch.resolve("root") + "\ncontainerd.socket = " + scratch.resolve("c.sock") + "\n");
        List<String> serve = new ArrayList<>(lamina);
        serve.addAll(List.of("serve", "--config", conf.toString()));
        run(serve, "lamina.log");
        await(socket());
        List<String> config = new ArrayList<>(lamina);
        config.addAll(List.of("containerd", "config", "--for", "2.1", "--config", conf.toString()));
        String toml = Peers.run(config, null)
                .replaceFirst(
                        "(?m)^version = .*$",
                        "$0\nroot = \"" + scratch.resolve("root") + "\"\nstate = \"" + scratch.resolve("state")
                                + "\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n"
                                + "[grpc]\n  address = \"" + scratch.resolve("c.sock") + "\"\n[ttrpc]\n  address = \""
                                + scratch.resolve("c.sock.ttrpc") + "\"")
                .replace("[\"lamina-diff\", \"walking\"]", "[\"lamina-diff\", \"erofs\", \"walking\"]");
        Files.writeString(scratch.resolve("config.toml"), toml);
        List<String> containerd = new ArrayList<>(peers.command("containerd"));
        containerd.addAll(List.of("-c", scratch.resolve("config.toml").toString()));
        run(containerd, "containerd.log");
        await(scratch.resolve("c.sock"));
        System.out.println(peers.version("containerd") + "; " + peers.version("mkfs.erofs") + "; Java "
                + Runtime.version() + "; " + Runtime.getRuntime().availableProcessors() + " processors; median of "
                + rounds + ", in turns");
    }

    private Path socket() {
        return scratch.resolve("l.sock");
    }

    private void run(List<String> line, String log) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(scratch.resolve(log).toFile());
        builder.environment().merge("PATH", scratch.resolve("bin").toString(), (old, ours) -> ours + ":" + old);
        started.add(builder.start());
    }

    private static void await(Path socket) throws IOException, InterruptedException {
        for (int i = 0; i < 600; i++) {
            if (Files.exists(socket)) {
                return;
            }
            Thread.sleep(100);
        }
        throw new IOException(socket + " did not appear within a minute; see the logs beside it");
    }

    private String ctr(String... arguments) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(peers.command("ctr"));
        line.addAll(List.of("-n", namespace, "-a", scratch.resolve("c.sock").toString()));
        line.addAll(List.of(arguments));
        return Peers.run(line, null);
    }

    private static String name(int image) {
        return "bench.local/image:" + image;
    }

    /** The image, and the same layers in other orders: every layer comes at every position. */
    private void importImages(StoredImage image) throws IOException, InterruptedException {
        Path layout = Files.createDirectories(scratch.resolve("layout"));
        Path blobs = Files.createDirectories(layout.resolve("blobs/sha256"));
        for (StoredLayer layer : image.layers()) {
            try (InputStream in = layer.open()) {
                Files.copy(in, blobs.resolve(layer.digest().hex()));
            }
        }
        List<String> manifests = new ArrayList<>();
        for (int i = 0; i < IMAGES; i++) {
            List<StoredLayer> layers = new ArrayList<>(image.layers());
            Collections.rotate(layers, i);
            List<String> diffIds =
                    layers.stream().map(layer -> "\"" + layer.diffId() + "\"").toList();
            List<String> descriptors = layers.stream()
                    .map(layer -> descriptor(layer.mediaType(), layer.digest(), layer.sizeBytes(), ""))
                    .toList();
            String config = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"" + i
                    + "\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" + String.join(",", diffIds)
                    + "]}}";
            String manifest =
                    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":"
                            + blob(blobs, "application/vnd.oci.image.config.v1+json", config, "") + ",\"layers\":["
                            + String.join(",", descriptors) + "]}";
            manifests.add(blob(
                    blobs,
                    "application/vnd.oci.image.manifest.v1+json",
                    manifest,
                    ",\"annotations\":{\"io.containerd.image.name\":\"" + name(i) + "\"}"));
        }
        Files.writeString(
                layout.resolve("index.json"),
                "{\"schemaVersion\":2,\"manifests\":[" + String.join(",", manifests) + "]}");
        Files.writeString(layout.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
        Peers.run(List.of("tar", "-C", layout.toString(), "-cf", archive().toString(), "."), null);
    }

    private Path archive() {
        return scratch.resolve("images.tar");
    }

    /** Gives a snapshotter a namespace of containerd's in which the images are stored and nothing is unpacked. */
    private void freshNamespace(String snapshotter) throws IOException, InterruptedException {
        if (snapshotter.equals("lamina")) {
            forget(); // its layers would be known in any namespace
        }
        namespace = snapshotter + "-" + namespaces++;
        String _ = ctr("images", "import", "--no-unpack", archive().toString());
    }

    private static String blob(Path blobs, String mediaType, String content, String more) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        Digest digest = Digest.ofContent(bytes);
        Files.write(blobs.resolve(digest.hex()), bytes);
        return descriptor(mediaType, digest, bytes.length, more);
    }

    private static String descriptor(String mediaType, Digest digest, long sizeBytes, String more) {
        return "{\"mediaType\":\"" + mediaType + "\",\"digest\":\"" + digest + "\",\"size\":" + sizeBytes + more + "}";
    }

    /** From layers in the content store to a tree that can be looked at. */
    private void unpack() throws Exception {
        Contest contest = new Contest();
        for (String snapshotter : SNAPSHOTTERS) {
            contest.with(snapshotter, () -> freshNamespace(snapshotter), () -> mount(snapshotter, 0));
        }
        contest.run(rounds).print("Unpack and mount", "erofs", "overlayfs");
    }

    private void mount(String snapshotter, int image) throws IOException, InterruptedException {
        Path target = Files.createDirectories(scratch.resolve("mnt-" + namespace + "-" + image));
        String _ = ctr("images", "mount", "--snapshotter", snapshotter, name(image), target.toString());
    }

    /** Removes all of ours. */
    private void forget() throws IOException, InterruptedException {
        try (Stream<Path> entries = Files.list(scratch)) {
            for (Path target : entries.filter(
                            path -> path.getFileName().toString().startsWith("mnt-lamina"))
                    .toList()) {
                String _ = Peers.run(List.of("umount", target.toString()), null);
                Files.delete(target);
            }
        }
        Vertx vertx = Vertx.vertx();
        try {
            SnapshotsGrpcClient client = client(vertx);
            for (Info info : list(vertx, client).reversed()) {
                answer(client.remove(RemoveSnapshotRequest.newBuilder()
                        .setKey(info.getName())
                        .build()));
            }
        } finally {
            vertx.close();
        }
        collect();
    }

    private SnapshotsGrpcClient client(Vertx vertx) {
        return SnapshotsGrpcClient.create(
                GrpcClient.client(vertx), SocketAddress.domainSocketAddress(socket().toString()));
    }

    private static List<Info> list(Vertx vertx, SnapshotsGrpcClient client) throws IOException {
        List<Info> infos = new ArrayList<>();
        Promise<Void> end = Promise.promise();
        // On the event loop that brings the answer, or its end could have passed before anybody listens.
        vertx.runOnContext(_ -> client.list(ListSnapshotsRequest.getDefaultInstance())
                .onFailure(end::fail)
                .onSuccess(stream -> {
                    stream.handler(page -> infos.addAll(page.getInfoList()));
                    stream.exceptionHandler(end::fail);
                    stream.endHandler(_ -> end.complete());
                }));
        answer(end.future());
        return infos;
    }

    private void collect() throws IOException, InterruptedException {
        Thread.sleep(1100); // what was used within the second stays
        List<String> gc = new ArrayList<>(lamina);
        gc.addAll(List.of(
                "store",
                "gc",
                "--unused-for",
                "1s",
                "--root",
                scratch.resolve("store").toString()));
        String _ = Peers.run(gc, null);
    }

    /** How long a container waits for its tree. */
    private void prepare() throws Exception {
        Vertx vertx = Vertx.vertx();
        try {
            freshNamespace("lamina");
            mount("lamina", 0);
            SnapshotsGrpcClient client = client(vertx);
            String top = top(vertx, client);
            List<Double> first = new ArrayList<>();
            for (int i = 0; i < rounds; i++) {
                collect(); // nothing lies on the merged tree, so it goes; the layers stay
                first.add(prepare(client, "first-" + i, top));
                answer(client.remove(
                        RemoveSnapshotRequest.newBuilder().setKey("first-" + i).build()));
            }
            double[] known = new double[SNAPSHOTS];
            for (int i = 0; i < SNAPSHOTS; i++) {
                known[i] = prepare(client, "known-" + i, top);
            }
            double[] later = new double[SNAPSHOTS];
            for (int i = 0; i < SNAPSHOTS; i++) {
                later[i] = prepare(client, "later-" + i, top);
                answer(client.remove(
                        RemoveSnapshotRequest.newBuilder().setKey("later-" + i).build()));
            }
            for (int i = 0; i < SNAPSHOTS; i++) {
                answer(client.remove(
                        RemoveSnapshotRequest.newBuilder().setKey("known-" + i).build()));
            }
            Arrays.sort(later);
            System.out.printf(
                    Locale.ROOT,
                    "%n## Prepare%n%n| what | ms |%n|---|---|%n| of a new chain, merge and mount: median | %.1f |%n"
                            + "| of a known chain beside %d snapshots: median | %.2f |%n| p99 | %.2f |%n",
                    first.stream().sorted().toList().get(first.size() / 2),
                    SNAPSHOTS,
                    later[SNAPSHOTS / 2],
                    later[SNAPSHOTS * 99 / 100]);
        } finally {
            vertx.close();
        }
    }

    private static double prepare(SnapshotsGrpcClient client, String key, String parent) throws IOException {
        long start = System.nanoTime();
        answer(client.prepare(PrepareSnapshotRequest.newBuilder()
                .setKey(key)
                .setParent(parent)
                .build()));
        return (System.nanoTime() - start) / 1e6;
    }

    /** The uppermost layer; the view that unpacking has left goes, so that nothing lies on the merged tree. */
    private static String top(Vertx vertx, SnapshotsGrpcClient client) throws IOException {
        String top = "";
        for (Info info : list(vertx, client)) {
            if (info.getKind() == Kind.COMMITTED) {
                top = info.getName();
            } else {
                answer(client.remove(RemoveSnapshotRequest.newBuilder()
                        .setKey(info.getName())
                        .build()));
            }
        }
        return top;
    }

    private static <T> void answer(Future<T> future) throws IOException {
        T _ = Answers.await(future, "lamina", ANSWER_SECONDS);
    }

    /** What ten images of the same layers take. */
    private void disk() throws IOException, InterruptedException {
        System.out.printf(
                "%n## Disk, %d images of the same layers in other orders%n%n| snapshotter | MiB |%n|---|---|%n",
                IMAGES);
        for (String snapshotter : SNAPSHOTTERS.subList(0, 2)) {
            freshNamespace(snapshotter);
            Path place = snapshotter.equals("lamina")
                    ? scratch.resolve("store")
                    : scratch.resolve("root/io.containerd.snapshotter.v1.erofs");
            long before = kibibytes(place);
            for (int i = 0; i < IMAGES; i++) {
                mount(snapshotter, i);
            }
            System.out.printf(Locale.ROOT, "| %s | %d |%n", snapshotter, (kibibytes(place) - before) >> 10);
        }
    }

    private static long kibibytes(Path place) throws IOException, InterruptedException {
        return Long.parseLong(
                Peers.run(List.of("du", "-skx", place.toString()), null).split("\t", -1)[0]);
    }
}
