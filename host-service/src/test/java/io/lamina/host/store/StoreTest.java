package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.DirectoryTree;
import io.lamina.linux.Mount;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreTest {
    @TempDir
    private Path directory;

    private StoreRoot root() {
        return StoreRoot.in(directory.resolve("store"));
    }

    @Test
    void aSecondDaemonIsToldThePidOfTheFirst() throws IOException {
        try (Store first = Store.openForDaemon(root())) {
            IOException refused = assertThrows(
                    IOException.class, () -> Store.openForDaemon(root()).close());
            assertTrue(
                    refused.getMessage().contains(" " + ProcessHandle.current().pid() + ";"), refused.getMessage());
            StoreRoot sharedImages = new StoreRoot(root().images(), directory.resolve("other"));
            assertThrows(
                    IOException.class, () -> Store.openForDaemon(sharedImages).close());
            assertEquals(0, first.snapshots().count());
        }
        Store.openForDaemon(root()).close();
    }

    @Test
    void aDatabaseOfANewerLaminaIsRefusedAndLeftAlone() throws IOException, SQLException {
        Store.openForDaemon(root()).close();
        Path file = directory.resolve("store/lamina.db");
        sql(file, "PRAGMA user_version = 99");
        IOException refused = assertThrows(
                IOException.class, () -> Store.openForDaemon(root()).close());
        assertTrue(refused.getMessage().contains("99"), refused.getMessage());
        sql(file, "PRAGMA user_version = " + Schema.version());
        Store.openForDaemon(root()).close();
    }

    @Test
    void aStoreOfTheFirstVersionIsMigratedAndACopyOfItKept() throws IOException, SQLException {
        Path file = directory.resolve("store/lamina.db");
        BlobName layer;
        try (Store store = Store.openForDaemon(root())) {
            new StoreLife(_ -> {}).live(store);
            layer = store.layers().names().getFirst();
        }
        Files.delete(file);
        String schema = new String(
                Objects.requireNonNull(StoreTest.class.getResourceAsStream("version-1.sql"))
                        .readAllBytes(),
                StandardCharsets.UTF_8);
        for (String statement : schema.split(";\n", -1)) {
            if (!statement.isBlank()) {
                sql(file, statement);
            }
        }
        sql(file, "INSERT INTO blob VALUES (1, '" + layer + "', 524288)");
        sql(file, "INSERT INTO conversion VALUES ('" + layer.diffId().hex() + "', 1, 1024)");
        sql(file, "INSERT INTO snapshot VALUES (7, 'base', NULL, 3, 1, 2, 'HOST', 1, NULL, 0, 524288, 1)");
        sql(file, "INSERT INTO label VALUES (7, 'l', 'v')");
        sql(file, "INSERT INTO snapshot VALUES (9, 'top', 7, 2, 1, 2, 'VM', NULL, NULL, 33, 0, 0)");
        sql(file, "INSERT INTO attachment VALUES (4, 9, 1, 2, 'another boot', 'a sandbox', 3)");
        for (int times = 1; times <= 2; times++) {
            try (Store store = Store.openForDaemon(root())) {
                Snapshot base = store.snapshots().get("base");
                assertEquals(Map.of("l", "v"), base.labels());
                assertEquals(List.of(layer), store.snapshots().chain(base.id()));
                assertEquals(33, store.snapshots().get("top").content().scratchBytes());
                assertEquals(
                        1024,
                        store.layers().converted(layer.diffId()).orElseThrow().tarBytes());
                assertFalse(store.attachments().all().getFirst().served());
                assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
                assertTrue(store.images().find("a", "linux/amd64").isEmpty());
            }
        }
        // The copy is what a Lamina of that version can go on with.
        Path copy = directory.resolve("store/lamina.db.version-1");
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + copy);
                Statement statement = connection.createStatement();
                ResultSet version = statement.executeQuery("PRAGMA user_version")) {
            assertEquals(1, version.getInt(1));
        }
        sql(copy, "INSERT INTO attachment VALUES (5, 9, 1, 2, 'another boot', 'a sandbox', 3)");
    }

    private static void sql(Path file, String statement) throws SQLException {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement change = connection.createStatement()) {
            change.execute(statement);
        }
    }

    @Test
    void aFileSystemThatCannotHoldAStoreIsRefusedByName() throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("overlay");
        for (String part : List.of("lower", "upper", "work", "merged")) {
            Files.createDirectories(directory.resolve(part));
        }
        // Java tells the file systems of the whole process, so mounts of one thread would not do.
        String merged = directory.resolve("merged").toString();
        Mount.mount(
                "overlay",
                "overlay",
                merged,
                0,
                "lowerdir=" + directory.resolve("lower") + ",upperdir=" + directory.resolve("upper") + ",workdir="
                        + directory.resolve("work"));
        try {
            IOException refused = assertThrows(
                    IOException.class,
                    () -> Store.openForDaemon(StoreRoot.in(directory.resolve("merged/store")))
                            .close());
            assertTrue(refused.getMessage().contains("overlay"), refused.getMessage());
        } finally {
            Mount.unmount(merged, Mount.MNT_DETACH);
        }
    }

    @Test
    void aFullDiskLosesNothingAndSaysSo() throws Exception {
        Machine.needsRoot();
        PrivateMounts.run(mounts -> {
            Path small = Files.createDirectories(directory.resolve("small"));
            mounts.mount("tmpfs", small, "tmpfs", 0, "size=3m");
            try (Store store = Store.openForDaemon(StoreRoot.in(small.resolve("store")))) {
                int made = 0;
                IOException full = null;
                while (full == null) {
                    try {
                        store.snapshots().make(active("k" + made, "x".repeat(20_000)));
                        made++;
                    } catch (IOException failure) {
                        full = failure;
                    }
                }
                assertTrue(made > 5, "made " + made);
                assertTrue(
                        full.getMessage().contains("full") || full.getMessage().contains("No space"),
                        full.getMessage());
                assertEquals(made, store.snapshots().count());
                assertEquals(
                        List.of(),
                        StoreCheck.check(store, true, _ -> {}).problems().stream()
                                .filter(problem -> !problem.contains("belongs to no snapshot"))
                                .toList());
                // Room again, and all is as before.
                Mount.mount("tmpfs", "tmpfs", small.toString(), Mount.MS_REMOUNT, "size=16m");
                store.snapshots().make(active("k" + made, "x".repeat(20_000)));
                assertEquals(made + 1, store.snapshots().count());
            }
        });
    }

    @Test
    void directoriesWithoutRowsGoAndRowsWithoutDirectoriesGetNewOnes() throws IOException {
        long id;
        try (Store store = Store.openForDaemon(root())) {
            id = store.snapshots().make(active("k", "")).id();
        }
        Path snapshots = directory.resolve("store/snapshots");
        DirectoryTree.delete(snapshots.resolve(Long.toString(id)));
        Files.createDirectories(snapshots.resolve("77/fs"));
        Files.createDirectories(snapshots.resolve("trash-1-1/fs"));
        try (Store store = Store.openForDaemon(root())) {
            assertTrue(Files.isDirectory(store.snapshots().directories().upper(id)));
            assertEquals(List.of(id), store.snapshots().directories().numbers());
            assertEquals(1, DirectoryTree.entries(snapshots).size());
            assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
            assertEquals(new GarbageCollection.Removed(0, 0, 0), GarbageCollection.run(store, Duration.ZERO));
        }
    }

    private static SnapshotStore.Wanted active(String key, String label) {
        return new SnapshotStore.Wanted(
                key,
                Optional.empty(),
                Snapshot.Kind.ACTIVE,
                Map.of("l", label),
                new Snapshot.Content(
                        Snapshot.Way.HOST, Optional.empty(), OptionalLong.empty(), 0, Snapshot.Usage.NONE));
    }
}
