package io.lamina.host.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/**
 * The tables, and how older ones become these. A version is never changed once it was released: what differs is a new
 * version. {@code PRAGMA user_version} says which one a file has.
 */
final class Schema {
    /** Step N makes version N + 1 of version N. */
    private static final List<List<String>> STEPS = List.of(
            List.of(
                    // A layer blob that a directory under blobs/ holds.
                    """
            CREATE TABLE blob (
                id INTEGER PRIMARY KEY,
                name TEXT NOT NULL UNIQUE,
                size_bytes INTEGER NOT NULL
            ) STRICT""",
                    // Which blob the stored form of a layer (its compressed bytes) was converted to.
                    """
            CREATE TABLE conversion (
                digest TEXT PRIMARY KEY,
                blob INTEGER NOT NULL REFERENCES blob(id) ON DELETE CASCADE,
                tar_bytes INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
                    // Merged metadata that a directory under fsmeta/ holds.
                    """
            CREATE TABLE fsmeta (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                key TEXT NOT NULL UNIQUE
            ) STRICT""",
                    """
            CREATE TABLE fsmeta_blob (
                fsmeta INTEGER NOT NULL REFERENCES fsmeta(id) ON DELETE CASCADE,
                position INTEGER NOT NULL,
                blob INTEGER NOT NULL REFERENCES blob(id),
                PRIMARY KEY (fsmeta, position)
            ) STRICT, WITHOUT ROWID""",
                    """
            CREATE INDEX fsmeta_blob_blob ON fsmeta_blob(blob)""",
                    // kind: 1 view, 2 active, 3 committed. blob: a committed one's layer, or what was applied to an
                    // active one.
                    // fsmeta: what an active one or a view lies on, once that is made.
                    """
            CREATE TABLE snapshot (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                key TEXT NOT NULL UNIQUE,
                parent INTEGER REFERENCES snapshot(id),
                kind INTEGER NOT NULL,
                created_ns INTEGER NOT NULL,
                updated_ns INTEGER NOT NULL,
                way TEXT NOT NULL,
                blob INTEGER REFERENCES blob(id),
                fsmeta INTEGER REFERENCES fsmeta(id),
                scratch_bytes INTEGER NOT NULL,
                size_bytes INTEGER NOT NULL,
                inodes INTEGER NOT NULL
            ) STRICT""",
                    """
            CREATE INDEX snapshot_parent ON snapshot(parent)""",
                    """
            CREATE INDEX snapshot_blob ON snapshot(blob)""",
                    """
            CREATE INDEX snapshot_fsmeta ON snapshot(fsmeta)""",
                    """
            CREATE TABLE label (
                snapshot INTEGER NOT NULL REFERENCES snapshot(id) ON DELETE CASCADE,
                name TEXT NOT NULL,
                value TEXT NOT NULL,
                PRIMARY KEY (snapshot, name)
            ) STRICT, WITHOUT ROWID""",
                    // start_ticks: when the process started, in ticks since the boot of boot_id; tells it from a later
                    // one of
                    // its number.
                    """
            CREATE TABLE attachment (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                snapshot INTEGER NOT NULL REFERENCES snapshot(id),
                pid INTEGER NOT NULL,
                start_ticks INTEGER NOT NULL,
                boot_id TEXT NOT NULL,
                sandbox TEXT NOT NULL,
                created_ns INTEGER NOT NULL
            ) STRICT""",
                    """
            CREATE INDEX attachment_snapshot ON attachment(snapshot)"""),
            List.of(
                    // place: the read-only store that has a blob's files; empty where they are in this one.
                    """
            ALTER TABLE blob ADD COLUMN place TEXT NOT NULL DEFAULT ''""",
                    // An image for one platform. manifest is empty where the image came without one.
                    """
            CREATE TABLE image (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                digest TEXT NOT NULL UNIQUE,
                platform TEXT NOT NULL,
                manifest BLOB NOT NULL,
                config BLOB NOT NULL,
                created_ns INTEGER NOT NULL
            ) STRICT""",
                    // digest, media_type and stored_bytes: the layer as the manifest describes it.
                    """
            CREATE TABLE image_layer (
                image INTEGER NOT NULL REFERENCES image(id) ON DELETE CASCADE,
                position INTEGER NOT NULL,
                blob INTEGER NOT NULL REFERENCES blob(id),
                digest TEXT NOT NULL,
                media_type TEXT NOT NULL,
                stored_bytes INTEGER NOT NULL,
                PRIMARY KEY (image, position)
            ) STRICT, WITHOUT ROWID""",
                    """
            CREATE INDEX image_layer_blob ON image_layer(blob)""",
                    // index_digest: of the index that the name stands for where it came from; empty where that is the
                    // manifest.
                    """
            CREATE TABLE image_name (
                name TEXT NOT NULL,
                platform TEXT NOT NULL,
                image INTEGER NOT NULL REFERENCES image(id) ON DELETE CASCADE,
                index_digest TEXT NOT NULL,
                updated_ns INTEGER NOT NULL,
                PRIMARY KEY (name, platform)
            ) STRICT, WITHOUT ROWID""",
                    """
            CREATE INDEX image_name_image ON image_name(image)""",
                    // What belongs to an image beside manifest and configuration, such as its signed statement.
                    """
            CREATE TABLE image_document (
                image INTEGER NOT NULL REFERENCES image(id) ON DELETE CASCADE,
                kind TEXT NOT NULL,
                content BLOB NOT NULL,
                PRIMARY KEY (image, kind)
            ) STRICT, WITHOUT ROWID""",
                    // What keeps layers and merged trees that nothing else refers to yet: until a process ends, or a
                    // time comes.
                    """
            CREATE TABLE lease (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                purpose TEXT NOT NULL,
                created_ns INTEGER NOT NULL,
                expires_ns INTEGER,
                pid INTEGER,
                start_ticks INTEGER,
                boot_id TEXT,
                CHECK ((expires_ns IS NULL) = (pid IS NOT NULL))
            ) STRICT""",
                    """
            CREATE TABLE lease_blob (
                lease INTEGER NOT NULL REFERENCES lease(id) ON DELETE CASCADE,
                blob INTEGER NOT NULL REFERENCES blob(id),
                PRIMARY KEY (lease, blob)
            ) STRICT, WITHOUT ROWID""",
                    """
            CREATE INDEX lease_blob_blob ON lease_blob(blob)""",
                    """
            CREATE TABLE lease_fsmeta (
                lease INTEGER NOT NULL REFERENCES lease(id) ON DELETE CASCADE,
                fsmeta INTEGER NOT NULL REFERENCES fsmeta(id),
                PRIMARY KEY (lease, fsmeta)
            ) STRICT, WITHOUT ROWID""",
                    """
            CREATE INDEX lease_fsmeta_fsmeta ON lease_fsmeta(fsmeta)"""),
            List.of(
                    // served: whether the daemon serves the snapshot's devices to the owner's machine.
                    """
            ALTER TABLE attachment ADD COLUMN served INTEGER NOT NULL DEFAULT 0"""));

    private Schema() {}

    /** The version that this program reads and writes. */
    static int version() {
        return STEPS.size();
    }

    /** Brings the database to {@link #version}; a copy of an older one is kept beside it, a newer one is refused. */
    static void migrate(Connection connection, Path file) throws SQLException, IOException {
        int found = version(connection);
        if (found > version()) {
            throw new IOException(file + " has schema version " + found + ", this Lamina knows versions up to "
                    + version() + "; use the newer Lamina that wrote it, or another --root");
        }
        if (found == version()) {
            return;
        }
        if (found > 0) {
            Path backup = file.resolveSibling(file.getFileName() + ".version-" + found);
            Files.deleteIfExists(backup);
            Rows.change(connection, "VACUUM INTO ?", backup.toString());
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("BEGIN IMMEDIATE");
            for (List<String> step : STEPS.subList(version(connection), version())) {
                for (String sql : step) {
                    statement.execute(sql);
                }
            }
            statement.execute("PRAGMA user_version = " + version());
            statement.execute("COMMIT");
        }
    }

    /** Refuses a published copy of any other version, which nobody may change. */
    static void check(Connection connection, Path file) throws SQLException, IOException {
        int found = version(connection);
        if (found != version()) {
            throw new IOException(file + " has schema version " + found + ", this Lamina reads " + version()
                    + "; publish it again with a Lamina of this version");
        }
    }

    private static int version(Connection connection) throws SQLException {
        try (Rows rows = Rows.of(connection, "PRAGMA user_version")) {
            return rows.next() ? (int) rows.number(1) : 0;
        }
    }
}
