package io.lamina.host.store;

import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Merged metadata, one for each ordered list of layer blobs, made once and never changed:
 *
 * <pre>
 * fsmeta/KEY/fsmeta.erofs   the image
 * fsmeta/KEY/leaves         its level-0 hashes
 * </pre>
 *
 * <p>KEY is a digest of the blobs' names. Any thread may call.
 */
public final class FsmetaStore {
    private static final String IMAGE = "fsmeta.erofs";
    private static final String LEAVES = "leaves";

    /** What was asked for within this time needs no new note of it: no collection is that quick. */
    private static final long FRESH_MILLIS = 500;

    private final Database database;
    private final Path root;
    private final Path staging;
    private final Map<String, Object> making = new ConcurrentHashMap<>();

    FsmetaStore(Database database, Path root, Path staging) {
        this.database = database;
        this.root = root;
        this.staging = staging;
    }

    /**
     * A stored one.
     *
     * @param id its number, never used again
     * @param image the EROFS image
     * @param leaves its level-0 hashes
     * @param layers the blobs that it points into, base first
     */
    public record StoredFsmeta(long id, Path image, Path leaves, List<BlobName> layers) {
        /** Keeps a copy. */
        public StoredFsmeta {
            layers = List.copyOf(layers);
        }
    }

    /** What merges layers. */
    @FunctionalInterface
    public interface Merge {
        /** Writes the image and its leaves from their beginnings on. */
        void write(FileChannel image, FileChannel leaves) throws IOException;
    }

    /** The one of these blobs, merged now if it is not there; of several callers one merges. */
    public StoredFsmeta findOrMerge(List<BlobName> baseFirst, Merge merge) throws IOException {
        String key = key(baseFirst);
        Object turn = making.computeIfAbsent(key, _ -> new Object());
        synchronized (turn) {
            try {
                Path directory = root.resolve(key);
                if (!Files.isDirectory(directory)) {
                    make(directory, merge);
                }
                return new StoredFsmeta(
                        row(key, baseFirst), directory.resolve(IMAGE), directory.resolve(LEAVES), baseFirst);
            } finally {
                making.remove(key, turn);
            }
        }
    }

    private void make(Path directory, Merge merge) throws IOException {
        try (StagedDirectory building = StagedDirectory.in(staging)) {
            try (FileChannel image = building.file(IMAGE);
                    FileChannel leaves = building.file(LEAVES)) {
                merge.write(image, leaves);
                image.force(true);
                leaves.force(true);
            }
            building.publish(directory);
        }
    }

    private long row(String key, List<BlobName> baseFirst) throws IOException {
        long now = System.currentTimeMillis();
        if (Files.getLastModifiedTime(root.resolve(key)).toMillis() > now - FRESH_MILLIS) {
            OptionalLong known = database.read(connection -> id(connection, key));
            if (known.isPresent()) {
                return known.getAsLong();
            }
        }
        return database.write(connection -> {
            // Within this transaction, so that no collection comes between.
            Files.setLastModifiedTime(root.resolve(key), FileTime.fromMillis(now));
            OptionalLong known = id(connection, key);
            if (known.isPresent()) {
                return known.getAsLong();
            }
            long id = Rows.insert(connection, "INSERT INTO fsmeta (key) VALUES (?) RETURNING id", key);
            for (int position = 0; position < baseFirst.size(); position++) {
                int changed = Rows.change(
                        connection,
                        "INSERT INTO fsmeta_blob SELECT ?, ?, id FROM blob WHERE name = ?",
                        id,
                        position,
                        baseFirst.get(position).toString());
                if (changed != 1) {
                    throw new IOException("layer " + baseFirst.get(position).diffId() + " was removed meanwhile");
                }
            }
            return id;
        });
    }

    private static OptionalLong id(Connection connection, String key) throws SQLException {
        try (Rows rows = Rows.of(connection, "SELECT id FROM fsmeta WHERE key = ?", key)) {
            return rows.next() ? OptionalLong.of(rows.number(1)) : OptionalLong.empty();
        }
    }

    /** The one of this number. */
    public StoredFsmeta get(long id) throws IOException {
        return database.read(connection -> {
            List<BlobName> layers = layers(connection, id);
            try (Rows rows = Rows.of(connection, "SELECT key FROM fsmeta WHERE id = ?", id)) {
                if (!rows.next()) {
                    throw new RefusedException(RefusedException.Reason.NOT_FOUND, "no fsmeta has the number " + id);
                }
                Path directory = root.resolve(rows.text(1));
                return new StoredFsmeta(id, directory.resolve(IMAGE), directory.resolve(LEAVES), layers);
            }
        });
    }

    private static List<BlobName> layers(Connection connection, long id) throws SQLException, IOException {
        List<BlobName> layers = new ArrayList<>();
        try (Rows rows = Rows.of(
                connection,
                "SELECT b.name FROM fsmeta_blob f JOIN blob b ON b.id = f.blob WHERE f.fsmeta = ? ORDER BY f.position",
                id)) {
            while (rows.next()) {
                layers.add(BlobName.stored(rows.text(1)));
            }
        }
        return layers;
    }

    /** All of them, by number. */
    List<StoredFsmeta> all() throws IOException {
        return database.read(connection -> {
            List<StoredFsmeta> all = new ArrayList<>();
            try (Rows rows = Rows.of(connection, "SELECT id, key FROM fsmeta ORDER BY id")) {
                while (rows.next()) {
                    Path directory = root.resolve(rows.text(2));
                    all.add(new StoredFsmeta(
                            rows.number(1),
                            directory.resolve(IMAGE),
                            directory.resolve(LEAVES),
                            layers(connection, rows.number(1))));
                }
            }
            return all;
        });
    }

    /** The numbers of those that an active snapshot or a view of the host's way lies on: they are to be mounted. */
    public List<Long> mounted() throws IOException {
        return database.read(connection -> {
            List<Long> ids = new ArrayList<>();
            try (Rows rows = Rows.of(
                    connection,
                    "SELECT DISTINCT fsmeta FROM snapshot WHERE fsmeta IS NOT NULL AND way = ?",
                    Snapshot.Way.HOST.name())) {
                while (rows.next()) {
                    ids.add(rows.number(1));
                }
            }
            return ids;
        });
    }

    /** Whether an active snapshot or a view of the host's way lies on it. */
    public boolean isMounted(long id) throws IOException {
        return database.read(connection -> {
            try (Rows rows = Rows.of(
                    connection,
                    "SELECT 1 FROM snapshot WHERE fsmeta = ? AND way = ? LIMIT 1",
                    id,
                    Snapshot.Way.HOST.name())) {
                return rows.next();
            }
        });
    }

    private static String key(List<BlobName> baseFirst) {
        StringBuilder names = new StringBuilder("lamina fsmeta 1\n");
        baseFirst.forEach(name -> names.append(name).append('\n'));
        return Digest.ofContent(names.toString().getBytes(StandardCharsets.UTF_8))
                .hex();
    }
}
