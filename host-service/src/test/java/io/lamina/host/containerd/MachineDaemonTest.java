package io.lamina.host.containerd;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import io.lamina.host.containerd.TestDaemon.Refused;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreCheck;
import io.lamina.host.store.StoreRoot;
import io.lamina.linux.testing.Machine;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockClient;
import io.lamina.wire.lamina.AttachResponse;
import io.lamina.wire.snapshots.Info;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDomainDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainDatagramPacket;
import io.netty.channel.unix.DomainSocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A daemon for machines alone: a process without the right to mount, under a service manager that listens. */
class MachineDaemonTest {
    private static final int SLOTS = 8;
    private static final int SLOT_BYTES = 16384;
    private static final int WAIT_MILLIS = 30_000;
    private static final int EROFS_MAGIC = 0xE0F5E1E2;

    @TempDir
    private Path directory;

    private final LinkedBlockingQueue<String> told = new LinkedBlockingQueue<>();
    private final MultiThreadIoEventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final List<Process> processes = new ArrayList<>();
    private int port;

    @BeforeEach
    void listen() throws Exception {
        Machine.needsRoot();
        Machine.needsProgram("setpriv");
        new Bootstrap()
                .group(loop)
                .channel(EpollDomainDatagramChannel.class)
                .handler(new SimpleChannelInboundHandler<DomainDatagramPacket>() {
                    @Override
                    protected void channelRead0(ChannelHandlerContext context, DomainDatagramPacket packet) {
                        told.add(packet.content().toString(StandardCharsets.UTF_8));
                    }
                })
                .bind(new DomainSocketAddress(directory.resolve("notify").toString()))
                .sync();
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
    }

    @AfterEach
    void end() throws Exception {
        for (Process process : processes) {
            process.destroyForcibly().waitFor();
        }
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    }

    private Process daemon(Path config, String... before) throws Exception {
        Files.deleteIfExists(directory.resolve("l.sock"));
        List<String> line = new ArrayList<>(List.of(before));
        line.addAll(List.of(
                "setpriv",
                "--bounding-set=-all,+setuid,+setgid", // the data plane gives its rights up
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "io.lamina.host.cli.Main",
                "serve",
                "--config",
                config.toString(),
                "--root",
                directory.resolve("store").toString(),
                "--socket",
                directory.resolve("l.sock").toString()));
        ProcessBuilder builder = new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve("log").toFile()));
        builder.environment().put("NOTIFY_SOCKET", directory.resolve("notify").toString());
        Process process = builder.start();
        processes.add(process);
        assertEquals("READY=1", told.poll(60, TimeUnit.SECONDS), this::log);
        return process;
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("log"));
        } catch (IOException none) {
            return none.toString();
        }
    }

    /** The settings of a daemon for machines, with one more. */
    private Path config(ContentDirectory content, String setting) throws IOException {
        return Files.writeString(
                directory.resolve("conf"),
                "way = vm\n" + setting + "\nmetrics_port = " + port + "\ncontainerd.root = " + content.root()
                        + "\ncontainerd.socket = /nonexistent\n");
    }

    @Test
    void aSnapshotIsServedWithoutRightsAndOutlivesItsDaemonButNotItsOwner() throws Exception {
        ContentDirectory content = new ContentDirectory(directory.resolve("c-root"));
        Path config = config(content, "log = json");
        byte[] tar = ContentDirectory.tar(directory, "mkdir d; head -c 70000 /dev/urandom > d/f");
        Process owner = new ProcessBuilder("sleep", "1000").start();
        processes.add(owner);
        Process first = daemon(config);
        AttachResponse served;
        byte[] written = new byte[SLOT_BYTES];
        try (TestDaemon client = TestDaemon.connect(directory)) {
            client.apply(
                    client.prepare("k8s.io/1/extract-1 x", ""),
                    ContentDirectory.TAR,
                    content.add(tar).toString());
            client.commit("base", "k8s.io/1/extract-1 x");
            Map<String, String> labels = Map.of(
                    ScratchSize.MAX_SIZE, "20000001", "containerd.io/snapshot/cri.image-ref", "registry.local/a:1");
            assertEquals(
                    "erofs",
                    client.prepare("k8s.io/2/c", "base", labels).getFirst().type());
            Refused unmountable = assertThrows(
                    Refused.class, () -> client.prepare("host", "base", Map.of(Snapshotter.WAY_LABEL, "host")));
            assertEquals(GrpcStatus.FAILED_PRECONDITION, unmountable.status());

            served = client.serve("k8s.io/2/c", owner.pid());
            checkImage(served);
            try (BlockClient scratch = connect(served.getScratchSocket())) {
                scratch.queue().data(0).asSlice(0, SLOT_BYTES).fill((byte) 7);
                assertEquals(VirtioBlk.S_OK, scratch.queue().run(VirtioBlk.T_OUT, 100, SLOT_BYTES, WAIT_MILLIS));
                assertEquals(VirtioBlk.S_OK, scratch.queue().run(VirtioBlk.T_FLUSH, 0, 0, WAIT_MILLIS));
            }
            assertEquals(
                    20_000_256, // whole sectors
                    Files.size(directory.resolve("store/snapshots/2/scratch")));
            assertEquals(
                    GrpcStatus.FAILED_PRECONDITION,
                    assertThrows(Refused.class, () -> client.remove("k8s.io/2/c"))
                            .status());
            assertTrue(get("/metrics").contains("lamina_served_devices 2"), get("/metrics"));
            assertTrue(get("/metrics").contains("lamina_served_read_bytes_total 4608"), get("/metrics"));
            assertTrue(get("/metrics").contains("lamina_served_written_bytes_total 16384"), get("/metrics"));
            assertTrue(get("/metrics").contains("lamina_dedup_ratio 1"), get("/metrics"));
            assertTrue(get("/metrics").contains("lamina_verify_failures_total 0"), get("/metrics"));
            assertTrue(get("/healthz").startsWith("ok, "), get("/healthz"));
        }
        first.destroyForcibly().waitFor();

        Process second = daemon(config);
        try (TestDaemon client = TestDaemon.connect(directory)) {
            checkImage(served);
            try (BlockClient scratch = connect(served.getScratchSocket())) {
                Arrays.fill(written, (byte) 7);
                assertArrayEquals(written, read(scratch, 100, SLOT_BYTES));
            }
            owner.destroyForcibly().waitFor();
            for (int i = 0; i < 400 && client.status().getAttachments() > 0; i++) {
                Thread.sleep(50);
            }
            assertEquals(0, client.status().getAttachments());
            try (var left = Files.list(directory.resolve("store/sockets"))) {
                assertEquals(List.of(), left.toList());
            }
            Refused unread = assertThrows(Refused.class, () -> client.commit("written", "k8s.io/2/c"));
            assertEquals(GrpcStatus.FAILED_PRECONDITION, unread.status());
            client.remove("k8s.io/2/c");
            client.cleanup();
            assertFalse(Files.exists(directory.resolve("store/snapshots/2")));
        }
        second.destroy();
        assertEquals("STOPPING=1", told.poll(60, TimeUnit.SECONDS));
        assertTrue(second.waitFor(60, TimeUnit.SECONDS));
        checkLog();
    }

    @Test
    void aFlippedByteIsAnErrorOfTheMachineThatReadsItAndIsCounted() throws Exception {
        ContentDirectory content = new ContentDirectory(directory.resolve("c-root"));
        Path config = config(content, "verify_on_read = always");
        byte[] tar = ContentDirectory.tar(directory, "mkdir d; head -c 70000 /dev/urandom > d/f");
        Process _ = daemon(config);
        try (TestDaemon client = TestDaemon.connect(directory)) {
            client.apply(
                    client.prepare("extract-1", ""),
                    ContentDirectory.TAR,
                    content.add(tar).toString());
            client.commit("base", "extract-1");
            client.view("v", "base");
            AttachResponse served = client.serve("v", ProcessHandle.current().pid());
            int flippedByte = 8192;
            long sector = (Files.size(only("fsmeta", "fsmeta.erofs")) + flippedByte) / 512;
            try (BlockClient image = connect(served.getImageSocket());
                    FileChannel blob = FileChannel.open(only("blobs", "layer.erofs"), READ, WRITE)) {
                byte[] right = read(image, sector, 4096);
                blob.write(ByteBuffer.wrap(new byte[] {(byte) ~right[0]}), flippedByte);
                assertEquals(VirtioBlk.S_IOERR, image.queue().run(VirtioBlk.T_IN, sector, 4096, WAIT_MILLIS));
                assertEquals(4096, read(image, sector + 8, 4096).length);
                assertTrue(get("/metrics").contains("lamina_served_errors_total 1"), get("/metrics"));
                for (int i = 0; i < 400 && wrongReads() == 0; i++) {
                    Thread.sleep(20); // it comes of itself, not as an answer
                }
                assertEquals(1, wrongReads());
                assertTrue(log().contains("is not the one that its hash proves"), this::log);
            }
        }
    }

    private long wrongReads() throws Exception {
        return get("/metrics")
                .lines()
                .filter(line -> line.startsWith("lamina_served_verify_failures_total "))
                .mapToLong(line -> (long) Double.parseDouble(line.substring(line.indexOf(' '))))
                .sum();
    }

    /** The one file of this name in a part of the store. */
    private Path only(String part, String name) throws IOException {
        try (var files = Files.walk(directory.resolve("store").resolve(part))) {
            return files.filter(file -> file.endsWith(name)).findFirst().orElseThrow();
        }
    }

    @Test
    void whenDescriptorsRunOutNothingIsLostAndItGoesOnAfterwards() throws Exception {
        Machine.needsProgram("prlimit");
        ContentDirectory content = new ContentDirectory(directory.resolve("c-root"));
        Path config = Files.writeString(
                directory.resolve("conf"),
                "way = vm\ncontainerd.root = " + content.root() + "\ncontainerd.socket = /nonexistent\n");
        byte[] tar = ContentDirectory.tar(directory, "mkdir d; head -c 70000 /dev/urandom > d/f");
        int limit = 160;
        Process process = daemon(config, "prlimit", "--nofile=" + limit + ":" + limit);
        try (TestDaemon client = TestDaemon.connect(directory)) {
            client.prepare("before", "");
        }
        List<SocketChannel> held = new ArrayList<>();
        try {
            for (int i = 0; i < limit; i++) {
                held.add(SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("l.sock"))));
            }
            Path open = Path.of("/proc/" + process.pid() + "/fd");
            int used = 0;
            for (int i = 0; i < 200 && used < limit; i++) {
                Thread.sleep(20);
                try (var entries = Files.list(open)) {
                    used = (int) entries.count();
                }
            }
            assertEquals(limit, used);
        } finally {
            for (SocketChannel one : held) {
                one.close();
            }
        }
        try (TestDaemon client = TestDaemon.connect(directory)) {
            client.apply(
                    client.prepare("extract-1", ""),
                    ContentDirectory.TAR,
                    content.add(tar).toString());
            client.commit("base", "extract-1");
            assertEquals(
                    List.of("base", "before"),
                    client.list().stream().map(Info::getName).sorted().toList());
        }
        try (Store store = Store.openBeside(StoreRoot.in(directory.resolve("store")))) {
            assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
        }
    }

    private void checkImage(AttachResponse served) throws IOException {
        assertEquals(64, served.getRootHash().length());
        try (BlockClient image = connect(served.getImageSocket())) {
            byte[] superblock = read(image, 2, 512);
            assertEquals(
                    EROFS_MAGIC,
                    ByteBuffer.wrap(superblock).order(ByteOrder.LITTLE_ENDIAN).getInt(0));
            byte[] tree = read(image, served.getHashStartBlock() * 8, 4096);
            assertFalse(Arrays.equals(new byte[4096], tree));
            assertEquals(
                    VirtioBlk.S_IOERR, image.queue().run(VirtioBlk.T_OUT, 0, 4096, WAIT_MILLIS), "it is read-only");
        }
    }

    private static BlockClient connect(String socket) throws IOException {
        return BlockClient.connect(Path.of(socket), SLOTS, SLOT_BYTES);
    }

    private static byte[] read(BlockClient client, long sector, int bytes) throws IOException {
        assertEquals(VirtioBlk.S_OK, client.queue().run(VirtioBlk.T_IN, sector, bytes, WAIT_MILLIS));
        return client.queue().data(0).asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    private String get(String path) throws Exception {
        try (HttpClient http = HttpClient.newHttpClient()) {
            return http.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        }
    }

    /** Each line is an object; that of a call names image, snapshot and owner. */
    private void checkLog() throws IOException {
        boolean named = false;
        for (String line : Files.readAllLines(directory.resolve("log"))) {
            try (JsonParser parser = new JsonFactory().createParser(line)) {
                while (parser.nextToken() != null) {}
            }
            String plain = line.replace("\\/", "/");
            named |= plain.contains("\"image\":\"registry.local/a:1\"")
                    && plain.contains("\"subject\":\"k8s.io/2/c\"")
                    && plain.contains("\"owner\":\"k8s.io\"");
        }
        assertTrue(named, this::log);
    }
}
