package io.lamina.host.containerd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.host.store.GarbageCollection;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreCheck;
import io.lamina.host.store.StoreRoot;
import io.lamina.images.oci.Digest;
import io.lamina.linux.Mount;
import io.lamina.linux.MountTable;
import io.lamina.linux.testing.Machine;
import io.lamina.wire.snapshots.Info;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills the daemon at random instants while it prepares, unpacks, commits, removes and attaches, and looks after each
 * start whether all that was acknowledged is there, nothing else is, and every byte is right. A run is told its seed by
 * {@code -Dlamina.test.seed}, and prints it.
 */
class KilledDaemonTest {
    private static final int LAYERS = 12;

    /** Some hundred calls. */
    private static final int LONGEST_LIFE_MILLIS = 1500;

    @TempDir
    private Path directory;

    private final Random random = new Random();
    private final List<Digest> layers = new ArrayList<>();
    /** What was acknowledged: key to "kind parent". */
    private final Map<String, String> model = new TreeMap<>();

    private ContentDirectory content = new ContentDirectory(Path.of("/"));
    private RecordedJava java = RecordedJava.NONE;
    private int sequence;

    /** The change whose answer has not come: what it takes away and what it brings. */
    private String pendingGone = "";

    private String pendingNew = "";
    private String pendingNewState = "";

    @Test
    void thirtyKillsLoseNothingThatWasAcknowledged() throws Exception {
        kill(30);
    }

    @Test
    @Tag("soak")
    void aThousandKillsLoseNothingThatWasAcknowledged() throws Exception {
        kill(1000);
    }

    @AfterEach
    void unmount() throws IOException {
        for (MountTable.Entry entry : MountTable.read().reversed()) {
            if (Path.of(entry.target()).startsWith(directory)) {
                Mount.unmount(entry.target(), Mount.MNT_DETACH);
            }
        }
    }

    private void kill(int times) throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        long seed = Long.getLong("lamina.test.seed", new Random().nextLong());
        System.out.println("seed " + seed);
        random.setSeed(seed);
        content = new ContentDirectory(directory.resolve("c-root"));
        for (int i = 0; i < LAYERS; i++) {
            byte[] tar = ContentDirectory.tar(
                    directory,
                    "echo " + i + " > f" + i + "; mkdir d; head -c " + (1 << (10 + i)) + " /dev/urandom > d/r" + i);
            layers.add(content.add(ContentDirectory.gzip(tar)));
        }
        Path config = Files.writeString(
                directory.resolve("conf"),
                "containerd.root = " + content.root() + "\ncontainerd.socket = /nonexistent\n");
        // A start takes most of a round's time, so the first one records its classes for the others.
        java = RecordedJava.in(Files.createDirectories(directory.resolve("java")));
        Process first = start(config);
        first.destroy();
        assertTrue(first.waitFor(60, TimeUnit.SECONDS));
        for (int round = 0; round < times; round++) {
            Process daemon = start(config);
            int afterMillis = random.nextInt(LONGEST_LIFE_MILLIS);
            Thread killer = Thread.ofPlatform().daemon().start(() -> {
                try {
                    Thread.sleep(afterMillis);
                } catch (InterruptedException ended) {
                    Thread.currentThread().interrupt();
                }
                daemon.destroyForcibly();
            });
            try (TestDaemon client = TestDaemon.connect(directory)) {
                try {
                    check(client, round);
                    while (true) {
                        step(client);
                    }
                } catch (TestDaemon.Refused refused) {
                    throw refused;
                } catch (RuntimeException lost) {
                    assertTrue(daemon.waitFor(30, TimeUnit.SECONDS), () -> "the daemon did not end: " + lost);
                }
            }
            killer.join();
            fsck();
            if (round % 50 == 49) {
                System.out.println(round + 1 + " kills, " + sequence + " steps between them");
            }
        }
        endsWithNothing(config);
    }

    private Process start(Path config) throws IOException, InterruptedException {
        Path socket = directory.resolve("l.sock");
        Files.deleteIfExists(socket);
        Process daemon = java.start(
                directory.resolve("log"),
                "serve",
                "--config",
                config.toString(),
                "--root",
                directory.resolve("store").toString(),
                "--socket",
                socket.toString());
        for (int i = 0; i < 6000 && Files.notExists(socket) && daemon.isAlive(); i++) {
            Thread.sleep(10);
        }
        assertTrue(Files.exists(socket), () -> "the daemon did not start: " + log());
        return daemon;
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("log"));
        } catch (IOException none) {
            return none.toString();
        }
    }

    /** What is there must be what was acknowledged, with the change under way done or not. */
    private void check(TestDaemon client, int round) {
        Map<String, String> found = new TreeMap<>();
        for (Info info : client.list()) {
            found.put(info.getName(), info.getKind() + " " + info.getParent());
        }
        if (!found.equals(model)) {
            Map<String, String> done = new TreeMap<>(model);
            done.remove(pendingGone);
            if (!pendingNew.isEmpty()) {
                done.put(pendingNew, pendingNewState);
            }
            assertEquals(done, found, "after kill " + round);
            model.clear();
            model.putAll(done);
        }
        pendingGone = "";
        pendingNew = "";
    }

    private void step(TestDaemon client) throws IOException {
        List<String> committed = model.keySet().stream()
                .filter(key -> model.get(key).startsWith("COMMITTED"))
                .toList();
        String parent = committed.isEmpty() || random.nextInt(4) == 0 ? "" : pick(committed);
        int number = sequence++;
        switch (random.nextInt(6)) {
            case 0, 1 -> {
                String key = "extract-" + number;
                List<SnapshotMount> mounts = prepare(client, key, parent);
                client.apply(
                        mounts,
                        ContentDirectory.GZIP,
                        layers.get(random.nextInt(LAYERS)).toString());
                commit(client, key, parent, number);
            }
            case 2 -> {
                String key = "active-" + number;
                List<SnapshotMount> mounts = prepare(client, key, parent);
                String upper =
                        mounts.getFirst().upper().orElse(mounts.getFirst().source());
                Files.writeString(Path.of(upper).resolve("written-" + number), "by hand");
                if (random.nextBoolean()) {
                    commit(client, key, parent, number);
                }
            }
            case 3 -> {
                String key = "view-" + number;
                pendingNew = key;
                pendingNewState = "VIEW " + parent;
                client.view(key, parent);
                acknowledged();
            }
            case 4 -> {
                List<String> active = model.keySet().stream()
                        .filter(key -> key.startsWith("active"))
                        .toList();
                if (!active.isEmpty()) {
                    client.detach(
                            client.attach(pick(active), ProcessHandle.current().pid()));
                }
            }
            default -> {
                List<String> leaves = model.keySet().stream()
                        .filter(key -> !key.startsWith("active"))
                        .filter(key -> model.values().stream().noneMatch(state -> state.endsWith(" " + key)))
                        .toList();
                if (leaves.size() > 3) {
                    pendingGone = pick(leaves);
                    client.remove(pendingGone);
                    acknowledged();
                }
            }
        }
    }

    private List<SnapshotMount> prepare(TestDaemon client, String key, String parent) {
        pendingNew = key;
        pendingNewState = "ACTIVE " + parent;
        List<SnapshotMount> mounts = client.prepare(key, parent);
        acknowledged();
        return mounts;
    }

    private void commit(TestDaemon client, String key, String parent, int number) {
        pendingGone = key;
        pendingNew = "committed-" + number;
        pendingNewState = "COMMITTED " + parent;
        client.commit(pendingNew, key);
        acknowledged();
    }

    private void acknowledged() {
        model.remove(pendingGone);
        if (!pendingNew.isEmpty()) {
            model.put(pendingNew, pendingNewState);
        }
        pendingGone = "";
        pendingNew = "";
    }

    private String pick(List<String> from) {
        return from.get(random.nextInt(from.size()));
    }

    private void fsck() throws IOException {
        try (Store store = Store.openBeside(StoreRoot.in(directory.resolve("store")))) {
            List<String> problems = StoreCheck.check(store, true, _ -> {}).problems().stream()
                    .filter(problem -> !problem.contains("the next start of the daemon removes it"))
                    .toList();
            assertEquals(List.of(), problems);
        }
    }

    /** After a last start, and when all is removed and collected, neither mounts nor files are left. */
    private void endsWithNothing(Path config) throws Exception {
        Process daemon = start(config);
        try (TestDaemon client = TestDaemon.connect(directory)) {
            check(client, -1);
            for (long id = 1; id <= sequence; id++) {
                client.detach(id); // those whose end was not acknowledged
            }
            for (Info info : client.list().reversed()) {
                client.remove(info.getName());
            }
            client.cleanup();
            assertEquals(List.of(), client.mountsBelow());
        } finally {
            daemon.destroy();
            assertTrue(daemon.waitFor(60, TimeUnit.SECONDS));
        }
        try (Store store = Store.openBeside(StoreRoot.in(directory.resolve("store")))) {
            Thread.sleep(1100);
            GarbageCollection.run(store, Duration.ofSeconds(1));
            assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
        }
        for (String part : List.of("blobs", "fsmeta", "staging", "snapshots", "mnt")) {
            try (var entries = Files.list(directory.resolve("store").resolve(part))) {
                assertEquals(List.of(), entries.toList(), part);
            }
        }
    }
}
