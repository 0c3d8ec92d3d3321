package io.lamina.host.store;

import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Removes merged trees and blobs that no snapshot, image or lease refers to and nobody has asked for in a while. May run
 * beside a daemon and beside {@code lamina run}: what is in use has a lease or was asked for lately, and its rows are
 * looked at within one transaction.
 */
public final class GarbageCollection {
    private final Store store;
    private final long usedBeforeMillis;

    /**
     * What was removed.
     *
     * @param fsmetas merged trees
     * @param blobs layer blobs
     * @param bytes of those blobs
     */
    public record Removed(int fsmetas, int blobs, long bytes) {}

    private GarbageCollection(Store store, long usedBeforeMillis) {
        this.store = store;
        this.usedBeforeMillis = usedBeforeMillis;
    }

    /**
     * Collects.
     *
     * @param unusedFor what nobody has asked for in this time goes
     */
    public static Removed run(Store store, Duration unusedFor) throws IOException {
        int _ = store.leases().endStale();
        GarbageCollection collection = new GarbageCollection(store, System.currentTimeMillis() - unusedFor.toMillis());
        int fsmetas = collection.fsmetas();
        int blobs = 0;
        long bytes = 0;
        for (BlobName name : collection.unusedBlobs()) {
            if (store.blobs().isHere(name)) { // else only the row of what lies in a read-only store was ours
                bytes += store.blobs().sizeBytes(name);
                store.blobs().remove(name);
                blobs++;
            }
        }
        store.snapshots().directories().emptyTrash();
        store.publishAgain();
        return new Removed(fsmetas, blobs, bytes);
    }

    private int fsmetas() throws IOException {
        List<Path> removed = store.database().write(connection -> {
            List<Path> gone = new ArrayList<>();
            for (String key : unusedKeys(connection)) {
                Path directory = store.root().fsmeta().resolve(key);
                if (isOld(directory)) {
                    int _ = Rows.change(connection, "DELETE FROM fsmeta WHERE key = ?", key);
                    gone.add(directory);
                }
            }
            return gone;
        });
        Set<String> known = store.database().read(connection -> keys(connection, "SELECT key FROM fsmeta"));
        for (Path directory : DirectoryTree.entries(store.root().fsmeta())) {
            if (removed.contains(directory)
                    || (!known.contains(String.valueOf(directory.getFileName())) && isOld(directory))) {
                DirectoryTree.delete(
                        StagedDirectory.discard(directory, store.root().staging()));
            }
        }
        return removed.size();
    }

    private static Set<String> unusedKeys(Connection connection) throws SQLException {
        return keys(
                connection,
                "SELECT key FROM fsmeta f WHERE NOT EXISTS (SELECT 1 FROM snapshot s WHERE s.fsmeta = f.id)"
                        + " AND NOT EXISTS (SELECT 1 FROM lease_fsmeta l WHERE l.fsmeta = f.id)");
    }

    private static Set<String> keys(Connection connection, String sql) throws SQLException {
        Set<String> keys = new HashSet<>();
        try (Rows rows = Rows.of(connection, sql)) {
            while (rows.next()) {
                keys.add(rows.text(1));
            }
        }
        return keys;
    }

    /** Blobs whose rows are gone now, and old ones that never had one. */
    private List<BlobName> unusedBlobs() throws IOException {
        List<BlobName> unused = store.database().write(connection -> {
            List<BlobName> gone = new ArrayList<>();
            for (String text : keys(
                    connection,
                    "SELECT name FROM blob b WHERE NOT EXISTS (SELECT 1 FROM snapshot s WHERE s.blob = b.id)"
                            + " AND NOT EXISTS (SELECT 1 FROM fsmeta_blob f WHERE f.blob = b.id)"
                            + " AND NOT EXISTS (SELECT 1 FROM image_layer i WHERE i.blob = b.id)"
                            + " AND NOT EXISTS (SELECT 1 FROM lease_blob l WHERE l.blob = b.id)")) {
                BlobName name = BlobName.stored(text);
                if (store.blobs().usedMillis(name) < usedBeforeMillis) {
                    int _ = Rows.change(connection, "DELETE FROM blob WHERE name = ?", text);
                    gone.add(name);
                }
            }
            return gone;
        });
        Set<BlobName> recorded = new HashSet<>(store.layers().names());
        List<BlobName> all = new ArrayList<>();
        for (BlobName name : store.blobs().names()) {
            if (unused.contains(name)
                    || (!recorded.contains(name) && store.blobs().usedMillis(name) < usedBeforeMillis)) {
                all.add(name);
            }
        }
        return all;
    }

    private boolean isOld(Path directory) throws IOException {
        return !Files.exists(directory) || Files.getLastModifiedTime(directory).toMillis() < usedBeforeMillis;
    }
}
