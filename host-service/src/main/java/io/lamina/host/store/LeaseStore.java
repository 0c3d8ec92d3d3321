package io.lamina.host.store;

import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Leases: while one lasts, no collection takes what it holds. One that a process has lasts until that process ends,
 * whatever the clock says; one of nobody lasts for a time. Any thread may call.
 */
public final class LeaseStore {
    private final Database database;

    LeaseStore(Database database) {
        this.database = database;
    }

    /**
     * A lease.
     *
     * @param id its number, never used again
     * @param purpose in words, for people
     * @param owner the process that it ends with, if any
     * @param expiresNs where it has no owner, when it ends: nanoseconds since 1970
     */
    public record Lease(long id, String purpose, Optional<Owner> owner, OptionalLong expiresNs) {}

    /** Takes a lease for this process. */
    public Lease take(String purpose) throws IOException {
        return take(purpose, Owner.self());
    }

    /** Takes a lease that ends with a process. */
    public Lease take(String purpose, Owner owner) throws IOException {
        long id = database.write(connection -> Rows.insert(
                connection,
                "INSERT INTO lease (purpose, created_ns, pid, start_ticks, boot_id) VALUES (?, ?, ?, ?, ?) RETURNING id",
                purpose,
                SnapshotStore.now(),
                owner.pid(),
                owner.startTicks(),
                owner.bootId()));
        return new Lease(id, purpose, Optional.of(owner), OptionalLong.empty());
    }

    /** Takes a lease that ends by itself. */
    public Lease take(String purpose, Duration lasting) throws IOException {
        long now = SnapshotStore.now();
        long expires = Math.addExact(now, lasting.toNanos());
        long id = database.write(connection -> Rows.insert(
                connection,
                "INSERT INTO lease (purpose, created_ns, expires_ns) VALUES (?, ?, ?) RETURNING id",
                purpose,
                now,
                expires));
        return new Lease(id, purpose, Optional.empty(), OptionalLong.of(expires));
    }

    /**
     * Holds a layer, which {@link LayerStore} has noted.
     *
     * @throws RefusedException if lease or layer is not there any more
     */
    public void hold(long lease, BlobName blob) throws IOException {
        database.write(connection -> {
            needs(connection, lease);
            try (Rows rows = Rows.of(connection, "SELECT id FROM blob WHERE name = ?", blob.toString())) {
                if (!rows.next()) {
                    throw missing("layer " + blob.diffId() + " is not in the store");
                }
                return Rows.change(connection, "INSERT OR IGNORE INTO lease_blob VALUES (?, ?)", lease, rows.number(1));
            }
        });
    }

    /**
     * Holds a merged tree, and with it its layers.
     *
     * @throws RefusedException if lease or tree is not there any more
     */
    public void holdFsmeta(long lease, long fsmeta) throws IOException {
        database.write(connection -> {
            needs(connection, lease);
            try (Rows rows = Rows.of(connection, "SELECT 1 FROM fsmeta WHERE id = ?", fsmeta)) {
                if (!rows.next()) {
                    throw missing("no fsmeta has the number " + fsmeta);
                }
                return Rows.change(connection, "INSERT OR IGNORE INTO lease_fsmeta VALUES (?, ?)", lease, fsmeta);
            }
        });
    }

    private static void needs(Connection connection, long lease) throws SQLException, IOException {
        try (Rows rows = Rows.of(connection, "SELECT 1 FROM lease WHERE id = ?", lease)) {
            if (!rows.next()) {
                throw missing("the lease " + lease + " has ended");
            }
        }
    }

    private static RefusedException missing(String what) {
        return new RefusedException(RefusedException.Reason.NOT_FOUND, what);
    }

    /** Ends a lease; one that has ended is no error. */
    public void end(long lease) throws IOException {
        int _ = database.write(connection -> Rows.change(connection, "DELETE FROM lease WHERE id = ?", lease));
    }

    /** All leases, by number. */
    public List<Lease> all() throws IOException {
        return database.read(connection -> {
            List<Lease> all = new ArrayList<>();
            try (Rows rows = Rows.of(
                    connection, "SELECT id, purpose, expires_ns, pid, start_ticks, boot_id FROM lease ORDER BY id")) {
                while (rows.next()) {
                    Long expires = rows.numberOrNull(3);
                    all.add(
                            expires == null
                                    ? new Lease(
                                            rows.number(1),
                                            rows.text(2),
                                            Optional.of(new Owner(rows.number(4), rows.number(5), rows.text(6))),
                                            OptionalLong.empty())
                                    : new Lease(
                                            rows.number(1), rows.text(2), Optional.empty(), OptionalLong.of(expires)));
                }
            }
            return all;
        });
    }

    /** Ends the leases of dead processes and those whose time has come; tells how many. */
    int endStale() throws IOException {
        int ended = 0;
        for (Lease lease : all()) {
            boolean over = lease.owner.isPresent()
                    ? !lease.owner.get().isAlive()
                    : lease.expiresNs.getAsLong() < SnapshotStore.now();
            if (over) {
                end(lease.id);
                ended++;
            }
        }
        return ended;
    }
}
