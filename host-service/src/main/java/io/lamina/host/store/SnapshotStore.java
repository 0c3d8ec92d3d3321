package io.lamina.host.store;

import io.lamina.host.store.RefusedException.Reason;
import io.lamina.host.store.Snapshot.Kind;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The snapshots: rows, and for those that can be written a directory each. Any thread may call. */
public final class SnapshotStore {
    private static final String SELECT = """
            SELECT s.id, s.key, s.parent, p.key, s.kind, s.created_ns, s.updated_ns, s.way, b.name, s.fsmeta,
                   s.scratch_bytes, s.size_bytes, s.inodes
            FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent LEFT JOIN blob b ON b.id = s.blob
            """;

    private final Database database;
    private final SnapshotDirectories directories;

    SnapshotStore(Database database, SnapshotDirectories directories) {
        this.database = database;
        this.directories = directories;
    }

    /** Where active snapshots are written. */
    public SnapshotDirectories directories() {
        return directories;
    }

    /**
     * A snapshot to be made.
     *
     * @param key its name
     * @param parent the name of a committed one, or empty
     * @param kind active or a view
     * @param labels the client's
     * @param content how it leaves, what it lies on and how much may be written
     */
    public record Wanted(
            String key, Optional<String> parent, Kind kind, Map<String, String> labels, Snapshot.Content content) {}

    /** Makes a snapshot and its directory. */
    public Snapshot make(Wanted wanted) throws IOException {
        long now = now();
        return database.write(connection -> {
            if (find(connection, wanted.key).isPresent()) {
                throw exists(wanted.key);
            }
            Long parent = wanted.parent.isEmpty()
                    ? null
                    : (Long) committed(connection, wanted.parent.get()).id();
            long id = Rows.insert(
                    connection,
                    "INSERT INTO snapshot (key, parent, kind, created_ns, updated_ns, way, fsmeta, scratch_bytes, size_bytes,"
                            + " inodes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0) RETURNING id",
                    wanted.key,
                    parent,
                    wanted.kind.number(),
                    now,
                    now,
                    wanted.content.way().name(),
                    wanted.content.fsmeta().isPresent()
                            ? wanted.content.fsmeta().getAsLong()
                            : null,
                    wanted.content.scratchBytes());
            setLabels(connection, id, wanted.labels);
            directories.make(id);
            return get(connection, wanted.key);
        });
    }

    /** The committed snapshot that others may lie on. */
    public Snapshot parent(String key) throws IOException {
        return database.read(connection -> committed(connection, key));
    }

    private static Snapshot committed(Connection connection, String key) throws SQLException, IOException {
        Snapshot parent = get(connection, key);
        if (parent.kind() != Kind.COMMITTED) {
            throw new RefusedException(
                    Reason.INVALID_ARGUMENT, "parent snapshot " + key + " is not committed, nothing can lie on it");
        }
        return parent;
    }

    /** The snapshot of this name. */
    public Snapshot get(String key) throws IOException {
        return database.read(connection -> get(connection, key));
    }

    private static Snapshot get(Connection connection, String key) throws SQLException, IOException {
        return find(connection, key).orElseThrow(() -> missing(key));
    }

    /** The snapshot of this number, which is in a path of ours. */
    public Optional<Snapshot> find(long id) throws IOException {
        return database.read(
                connection -> select(connection, " WHERE s.id = ?", id).stream().findFirst());
    }

    private static Optional<Snapshot> find(Connection connection, String key) throws SQLException, IOException {
        return select(connection, " WHERE s.key = ?", key).stream().findFirst();
    }

    /** All snapshots, by number. */
    public List<Snapshot> all() throws IOException {
        return database.read(connection -> select(connection, " ORDER BY s.id"));
    }

    /** How many there are. */
    public long count() throws IOException {
        return database.read(connection -> {
            try (Rows rows = Rows.of(connection, "SELECT count(*) FROM snapshot")) {
                return rows.next() ? rows.number(1) : 0;
            }
        });
    }

    /** The layers of a committed snapshot and of all below it, base first. */
    public List<BlobName> chain(long id) throws IOException {
        return database.read(connection -> {
            List<BlobName> topFirst = new ArrayList<>();
            try (Rows rows = Rows.of(connection, """
                    WITH RECURSIVE below(id, parent, blob, depth) AS (
                        SELECT id, parent, blob, 0 FROM snapshot WHERE id = ?
                        UNION ALL
                        SELECT s.id, s.parent, s.blob, depth + 1 FROM snapshot s JOIN below ON s.id = below.parent)
                    SELECT b.name FROM below JOIN blob b ON b.id = below.blob ORDER BY depth""", id)) {
                while (rows.next()) {
                    topFirst.add(BlobName.stored(rows.text(1)));
                }
            }
            return topFirst.reversed();
        });
    }

    /** Notes what was applied to an active snapshot; it may hold one layer. */
    public void applied(long id, BlobName blob) throws IOException {
        long now = now();
        boolean noted = database.write(connection -> Rows.change(
                        connection,
                        "UPDATE snapshot SET blob = (SELECT id FROM blob WHERE name = ?1), updated_ns = ?2"
                                + " WHERE id = ?3 AND kind = ?4 AND EXISTS (SELECT 1 FROM blob WHERE name = ?1)"
                                + " AND (blob IS NULL OR blob = (SELECT id FROM blob WHERE name = ?1))",
                        blob.toString(),
                        now,
                        id,
                        Kind.ACTIVE.number())
                == 1);
        if (!noted) {
            throw new RefusedException(
                    Reason.FAILED_PRECONDITION,
                    "snapshot " + id + " is not active any more, or another layer was applied to it");
        }
    }

    /** Notes what a snapshot lies on. */
    public void liesOn(long id, long fsmeta) throws IOException {
        int _ = database.write(
                connection -> Rows.change(connection, "UPDATE snapshot SET fsmeta = ? WHERE id = ?", fsmeta, id));
    }

    /**
     * A commit.
     *
     * @param key the active snapshot
     * @param name what it is called from now on
     * @param parent for one that was made without, what it lies on now; empty where nothing changes
     * @param labels in place of those that it has
     * @param blob its layer, which {@link LayerStore} has noted
     * @param usage what the layer takes
     */
    public record Commit(
            String key,
            String name,
            Optional<String> parent,
            Map<String, String> labels,
            BlobName blob,
            Snapshot.Usage usage) {}

    /** Refuses a commit that {@link #commit} would refuse, before a layer is made for it; gives the active snapshot. */
    public Snapshot checkCommit(String key, String name, Optional<String> parent) throws IOException {
        return database.read(connection -> {
            Long _ = newParent(connection, key, name, parent);
            return get(connection, key);
        });
    }

    /** Turns an active snapshot into a committed one. */
    public void commit(Commit commit) throws IOException {
        long now = now();
        long id = database.write(connection -> {
            Long parent = newParent(connection, commit.key, commit.name, commit.parent);
            long active = get(connection, commit.key).id();
            int changed = Rows.change(
                    connection,
                    "UPDATE snapshot SET key = ?, parent = ?, kind = ?, created_ns = ?, updated_ns = ?,"
                            + " blob = (SELECT id FROM blob WHERE name = ?), fsmeta = NULL, size_bytes = ?, inodes = ? WHERE id = ?",
                    commit.name,
                    parent,
                    Kind.COMMITTED.number(),
                    now,
                    now,
                    commit.blob.toString(),
                    commit.usage.sizeBytes(),
                    commit.usage.inodes(),
                    active);
            if (changed != 1) {
                throw missing(commit.key);
            }
            setLabels(connection, active, commit.labels);
            return active;
        });
        directories.discard(id);
    }

    private static @Nullable Long newParent(Connection connection, String key, String name, Optional<String> parent)
            throws SQLException, IOException {
        Snapshot active = get(connection, key);
        if (active.kind() != Kind.ACTIVE) {
            throw new RefusedException(Reason.FAILED_PRECONDITION, "snapshot " + key + " is not active");
        }
        if (find(connection, name).isPresent()) {
            throw exists(name);
        }
        Long old = active.parent().map(Snapshot.Parent::id).orElse(null);
        if (parent.isEmpty()) {
            return old;
        }
        if (old != null && !active.parent().orElseThrow().key().equals(parent.get())) {
            throw new RefusedException(
                    Reason.INVALID_ARGUMENT,
                    "snapshot " + key + " lies on "
                            + active.parent().orElseThrow().key() + " and cannot be committed on " + parent.get());
        }
        Snapshot wanted = get(connection, parent.get());
        if (wanted.kind() != Kind.COMMITTED) {
            throw new RefusedException(
                    Reason.FAILED_PRECONDITION, "parent snapshot " + parent.get() + " is not committed");
        }
        return wanted.id();
    }

    /** What is done with a snapshot's number before its directory goes. */
    @FunctionalInterface
    public interface BeforeDirectory {
        void run(long id) throws IOException;
    }

    /**
     * Removes a snapshot that nothing lies on and nobody uses; gives what was removed. One that is not there is no error.
     */
    public Optional<Snapshot> remove(String key, BeforeDirectory before) throws IOException {
        Optional<Snapshot> removed = database.write(connection -> {
            Optional<Snapshot> found = find(connection, key);
            if (found.isEmpty()) {
                return found;
            }
            long id = found.get().id();
            try (Rows rows = Rows.of(connection, "SELECT key FROM snapshot WHERE parent = ? LIMIT 1", id)) {
                if (rows.next()) {
                    throw new RefusedException(
                            Reason.FAILED_PRECONDITION,
                            "cannot remove snapshot " + key + " with child " + rows.text(1));
                }
            }
            try (Rows rows =
                    Rows.of(connection, "SELECT pid, sandbox FROM attachment WHERE snapshot = ? LIMIT 1", id)) {
                if (rows.next()) {
                    throw new RefusedException(
                            Reason.FAILED_PRECONDITION,
                            "cannot remove snapshot " + key + ": process " + rows.number(1) + " (sandbox \""
                                    + rows.text(2) + "\") uses it");
                }
            }
            int _ = Rows.change(connection, "DELETE FROM snapshot WHERE id = ?", id);
            return found;
        });
        if (removed.isPresent()) {
            before.run(removed.get().id());
            directories.discard(removed.get().id());
        }
        return removed;
    }

    /**
     * Changes labels.
     *
     * @param change from the old ones to the new ones
     */
    public Snapshot relabel(String key, LabelChange change) throws IOException {
        long now = now();
        return database.write(connection -> {
            Snapshot old = get(connection, key);
            setLabels(connection, old.id(), change.apply(old.labels()));
            int _ = Rows.change(connection, "UPDATE snapshot SET updated_ns = ? WHERE id = ?", now, old.id());
            return get(connection, key);
        });
    }

    /** What labels become. */
    @FunctionalInterface
    public interface LabelChange {
        Map<String, String> apply(Map<String, String> old) throws IOException;
    }

    private static void setLabels(Connection connection, long id, Map<String, String> labels) throws SQLException {
        int _ = Rows.change(connection, "DELETE FROM label WHERE snapshot = ?", id);
        for (Map.Entry<String, String> label : labels.entrySet()) {
            int _ = Rows.change(connection, "INSERT INTO label VALUES (?, ?, ?)", id, label.getKey(), label.getValue());
        }
    }

    private static List<Snapshot> select(Connection connection, String where, Object... arguments)
            throws SQLException, IOException {
        Map<Long, Map<String, String>> labels = new HashMap<>();
        try (Rows rows = Rows.of(
                connection,
                "SELECT l.snapshot, l.name, l.value FROM label l JOIN snapshot s ON s.id = l.snapshot" + where,
                arguments)) {
            while (rows.next()) {
                labels.computeIfAbsent(rows.number(1), _ -> new LinkedHashMap<>())
                        .put(rows.text(2), rows.text(3));
            }
        }
        List<Snapshot> found = new ArrayList<>();
        try (Rows rows = Rows.of(connection, SELECT + where, arguments)) {
            while (rows.next()) {
                found.add(snapshot(rows, labels));
            }
        }
        return found;
    }

    private static Snapshot snapshot(Rows row, Map<Long, Map<String, String>> labels) throws SQLException, IOException {
        Long parent = row.numberOrNull(3);
        Long fsmeta = row.numberOrNull(10);
        String blob = row.textOrEmpty(9);
        return new Snapshot(
                row.number(1),
                row.text(2),
                parent == null ? Optional.empty() : Optional.of(new Snapshot.Parent(parent, row.text(4))),
                Kind.of(row.number(5)),
                new Snapshot.Times(row.number(6), row.number(7)),
                new Snapshot.Content(
                        Snapshot.Way.valueOf(row.text(8)),
                        blob.isEmpty() ? Optional.empty() : Optional.of(BlobName.stored(blob)),
                        fsmeta == null ? OptionalLong.empty() : OptionalLong.of(fsmeta),
                        row.number(11),
                        new Snapshot.Usage(row.number(12), row.number(13))),
                labels.getOrDefault(row.number(1), Map.of()));
    }

    private static RefusedException missing(String key) {
        return new RefusedException(Reason.NOT_FOUND, "snapshot " + key + " does not exist");
    }

    private static RefusedException exists(String key) {
        return new RefusedException(Reason.ALREADY_EXISTS, "snapshot " + key + " exists already");
    }

    /** Nanoseconds since 1970; a long has room until 2262. */
    static long now() {
        Instant now = Instant.now();
        return Math.addExact(Math.multiplyExact(now.getEpochSecond(), 1_000_000_000L), now.getNano());
    }
}
