-- The store's tables as the first version made them (PRAGMA user_version = 1), for the test of the migration.
CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE conversion (
    digest TEXT PRIMARY KEY,
    blob INTEGER NOT NULL REFERENCES blob(id) ON DELETE CASCADE,
    tar_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE fsmeta (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE fsmeta_blob (
    fsmeta INTEGER NOT NULL REFERENCES fsmeta(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    blob INTEGER NOT NULL REFERENCES blob(id),
    PRIMARY KEY (fsmeta, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX fsmeta_blob_blob ON fsmeta_blob(blob);
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
) STRICT;
CREATE INDEX snapshot_parent ON snapshot(parent);
CREATE INDEX snapshot_blob ON snapshot(blob);
CREATE INDEX snapshot_fsmeta ON snapshot(fsmeta);
CREATE TABLE label (
    snapshot INTEGER NOT NULL REFERENCES snapshot(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (snapshot, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE attachment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot INTEGER NOT NULL REFERENCES snapshot(id),
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    sandbox TEXT NOT NULL,
    created_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX attachment_snapshot ON attachment(snapshot);
PRAGMA user_version = 1;
