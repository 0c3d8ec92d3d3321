package io.lamina.host.store;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.file.Path;
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
    private final List<AdditionalStore> additional;

    /** @param additional whose conversions serve where there is none here */
    LayerStore(Database database, BlobStore blobs, List<AdditionalStore> additional) {
        this.database = database;
        this.blobs = blobs;
        this.additional = additional;
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
        Optional<Converted> known = database.write(connection -> {
            Optional<Converted> found =
                    conversion(connection, stored).filter(converted -> blobs.isAnywhere(converted.blob));
            if (found.isPresent()) {
                blobs.touch(found.get().blob); // within this transaction, so that no collection comes between
            }
            return found;
        });
        for (int i = 0; known.isEmpty() && i < additional.size(); i++) {
            known = additional.get(i).converted(stored);
            if (known.isPresent()) {
                if (note(known.get().blob)) {
                    converted(stored, known.get());
                } else {
                    known = Optional.empty();
                }
            }
        }
        return known;
    }

    static Optional<Converted> conversion(Connection connection, Digest stored) throws SQLException, IOException {
        try (Rows rows = Rows.of(
                connection,
                "SELECT b.name, c.tar_bytes FROM conversion c JOIN blob b ON b.id = c.blob WHERE c.digest = ?",
                stored.hex())) {
            return rows.next()
                    ? Optional.of(new Converted(BlobName.stored(rows.text(1)), rows.number(2)))
                    : Optional.empty();
        }
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
        return record(blob, BlobName.of(blob), lease);
    }

    private BlobName record(StoredBlob blob, BlobName name, OptionalLong lease) throws IOException {
        String place = blobs.elsewhere(name).map(Path::toString).orElse("");
        long sizeBytes = blob.blocks() * blob.hashes().geometry().dataBlockSizeBytes();
        database.write(connection -> {
            int _ = Rows.change(
                    connection,
                    "INSERT INTO blob (name, size_bytes, place) VALUES (?, ?, ?)"
                            + " ON CONFLICT (name) DO UPDATE SET place = excluded.place",
                    name.toString(),
                    sizeBytes,
                    place);
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
        Optional<StoredBlob> blob = blobs.get(name);
        if (blob.isPresent()) {
            return blob.get();
        }
        String place = database.read(connection -> {
            try (Rows rows = Rows.of(connection, "SELECT place FROM blob WHERE name = ?", name.toString())) {
                return rows.next() ? rows.text(1) : "";
            }
        });
        throw new CorruptImageException(
                "layer " + name.diffId(),
                place.isEmpty()
                        ? "its blob is not in the store any more; remove the images that have it and pull them again"
                        : "its blob was taken from the read-only store " + place
                                + ", which does not have it any more; bring that store back, or pull the image again");
    }

    /** A blob that a row names, in a file of this store, for readers that check nothing: see {@link BlobStore#bringHere}. */
    public StoredBlob here(BlobName name) throws IOException {
        StoredBlob blob = get(name);
        if (!blob.elsewhere()) {
            return blob;
        }
        StoredBlob here = blobs.bringHere(name, blob);
        int _ = database.write(
                connection -> Rows.change(connection, "UPDATE blob SET place = '' WHERE name = ?", name.toString()));
        return here;
    }

    /** Makes sure that there is a row of a blob that lies here or in a read-only store; false if it lies nowhere. */
    boolean note(BlobName name) throws IOException {
        Optional<StoredBlob> blob = blobs.get(name);
        if (blob.isEmpty()) {
            return false;
        }
        BlobName _ = record(blob.get(), name, OptionalLong.empty());
        return true;
    }

    /** What a blob takes of the disk, and how many inodes it has. */
    public Snapshot.Usage usage(BlobName name) throws IOException {
        try (BlobSource source = get(name).open()) {
            ErofsImage image = ErofsImage.open("layer " + name.diffId(), source);
            return new Snapshot.Usage(
                    source.lengthBytes(), image.superblock().tree().inodes());
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

    /**
     * Blobs and their bytes.
     *
     * @param unsharedBytes what the layers of committed snapshots would take if each had its own
     */
    public record Sum(long blobs, long bytes, long unsharedBytes) {
        /** How often a byte is used, on average; 0 where there is none. */
        public double sharing() {
            return bytes == 0 ? 0 : (double) unsharedBytes / bytes;
        }
    }

    /** All of them together. */
    public Sum sum() throws IOException {
        return database.read(connection -> {
            try (Rows rows = Rows.of(
                    connection,
                    "SELECT count(*), coalesce(sum(size_bytes), 0),"
                            + " (SELECT coalesce(sum(size_bytes), 0) FROM snapshot) FROM blob")) {
                return rows.next() ? new Sum(rows.number(1), rows.number(2), rows.number(3)) : new Sum(0, 0, 0);
            }
        });
    }
}
