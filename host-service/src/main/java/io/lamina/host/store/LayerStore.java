package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** The layer blobs with their rows. Any thread may call. */
public final class LayerStore {
    private final Database database;
    private final BlobStore blobs;

    LayerStore(Database database, BlobStore blobs) {
        this.database = database;
        this.blobs = blobs;
    }

    /**
     * What a stored layer was converted to.
     *
     * @param blob the layer's blob
     * @param tarBytes length of its uncompressed tar
     */
    public record Converted(BlobName blob, long tarBytes) {}

    /** The blob of the layer whose stored, maybe compressed, bytes have this digest, if it was converted before. */
    public Optional<Converted> converted(Digest stored) throws IOException {
        return database.write(connection -> {
            try (Rows rows = Rows.of(
                    connection,
                    "SELECT b.name, c.tar_bytes FROM conversion c JOIN blob b ON b.id = c.blob WHERE c.digest = ?",
                    stored.hex())) {
                if (!rows.next()) {
                    return Optional.empty();
                }
                BlobName name = BlobName.stored(rows.text(1));
                if (blobs.get(name).isEmpty()) {
                    return Optional.empty();
                }
                blobs.touch(name); // within this transaction, so that no collection comes between
                return Optional.of(new Converted(name, rows.number(2)));
            }
        });
    }

    /** Converts a layer and notes it, durably. */
    public BlobName add(BlobStore.Conversion conversion) throws IOException {
        return record(blobs.add(conversion), OptionalLong.empty());
    }

    /** As {@link #add(BlobStore.Conversion)}, held by a lease from the moment that it is noted. */
    public BlobName add(BlobStore.Conversion conversion, LeaseStore.Lease lease) throws IOException {
        return record(blobs.add(conversion), OptionalLong.of(lease.id()));
    }

    /** Adds a conversion that came from elsewhere, see {@link BlobStore#addForeign}, held by a lease. */
    public BlobName addForeign(BlobName name, BlobStore.Conversion conversion, LeaseStore.Lease lease)
            throws IOException {
        return record(blobs.addForeign(name, conversion), OptionalLong.of(lease.id()));
    }

    /** Our own conversion of a layer, if it is here, held by a lease. */
    public Optional<BlobName> find(Digest diffId, LeaseStore.Lease lease) throws IOException {
        Optional<StoredBlob> found = blobs.find(diffId);
        return found.isEmpty() ? Optional.empty() : Optional.of(record(found.get(), OptionalLong.of(lease.id())));
    }

    /** Notes what a layer was converted to. */
    public void converted(Digest stored, Converted converted) throws IOException {
        int _ = database.write(connection -> Rows.change(
                connection,
                "INSERT OR REPLACE INTO conversion SELECT ?, id, ? FROM blob WHERE name = ?",
                stored.hex(),
                converted.tarBytes,
                converted.blob.toString()));
    }

    private BlobName record(StoredBlob blob, OptionalLong lease) throws IOException {
        BlobName name = BlobName.of(blob);
        long sizeBytes = blob.blocks() * blob.hashes().geometry().dataBlockSizeBytes();
        database.write(connection -> {
            int _ = Rows.change(
                    connection,
                    "INSERT INTO blob (name, size_bytes) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                    name.toString(),
                    sizeBytes);
            if (lease.isPresent()) {
                int _ = Rows.change(
                        connection,
                        "INSERT OR IGNORE INTO lease_blob SELECT ?, id FROM blob WHERE name = ?",
                        lease.getAsLong(),
                        name.toString());
            }
            blobs.touch(name);
            return name;
        });
        return name;
    }

    /**
     * A blob that a row names.
     *
     * @throws IOException if it is not here any more
     */
    public StoredBlob get(BlobName name) throws IOException {
        return blobs.get(name)
                .orElseThrow(() -> new CorruptImageException(
                        "layer " + name.diffId(),
                        "its blob is not in the store any more; remove the images that have it and pull them again"));
    }

    /** What a blob takes of the disk, and how many inodes it has. */
    public Snapshot.Usage usage(BlobName name) throws IOException {
        StoredBlob blob = get(name);
        try (FileChannel file = FileChannel.open(blob.blob(), READ)) {
            ErofsImage image = ErofsImage.open("layer " + name.diffId(), file);
            return new Snapshot.Usage(file.size(), image.superblock().tree().inodes());
        }
    }

    /** All blobs that have a row. */
    public List<BlobName> names() throws IOException {
        return database.read(LayerStore::names);
    }

    private static List<BlobName> names(Connection connection) throws SQLException, IOException {
        List<BlobName> names = new ArrayList<>();
        try (Rows rows = Rows.of(connection, "SELECT name FROM blob ORDER BY id")) {
            while (rows.next()) {
                names.add(BlobName.stored(rows.text(1)));
            }
        }
        return names;
    }

    /** Blobs and their bytes. */
    public record Sum(long blobs, long bytes) {}

    /** All of them together. */
    public Sum sum() throws IOException {
        return database.read(connection -> {
            try (Rows rows = Rows.of(connection, "SELECT count(*), coalesce(sum(size_bytes), 0) FROM blob")) {
                return rows.next() ? new Sum(rows.number(1), rows.number(2)) : new Sum(0, 0);
            }
        });
    }
}
