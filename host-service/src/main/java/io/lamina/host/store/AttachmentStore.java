package io.lamina.host.store;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Who uses which snapshot. Any thread may call. */
public final class AttachmentStore {
    private final Database database;

    AttachmentStore(Database database) {
        this.database = database;
    }

    /**
     * A use of a snapshot.
     *
     * @param id its number
     * @param snapshot the snapshot's number
     * @param owner ends it when it ends
     * @param sandbox the owner's name for what it does
     * @param served whether the daemon serves the snapshot's devices for it
     */
    public record Attachment(long id, long snapshot, Owner owner, String sandbox, boolean served) {}

    /** Notes that {@code owner} uses the snapshot {@code key}. */
    public Attachment add(String key, Owner owner, String sandbox, boolean served) throws IOException {
        return database.write(connection -> {
            long snapshot;
            try (Rows rows = Rows.of(connection, "SELECT id FROM snapshot WHERE key = ?", key)) {
                if (!rows.next()) {
                    throw new RefusedException(
                            RefusedException.Reason.NOT_FOUND, "snapshot " + key + " does not exist");
                }
                snapshot = rows.number(1);
            }
            long id = Rows.insert(
                    connection,
                    "INSERT INTO attachment (snapshot, pid, start_ticks, boot_id, sandbox, created_ns, served)"
                            + " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                    snapshot,
                    owner.pid(),
                    owner.startTicks(),
                    owner.bootId(),
                    sandbox,
                    SnapshotStore.now(),
                    served ? 1 : 0);
            return new Attachment(id, snapshot, owner, sandbox, served);
        });
    }

    /** Ends a use; one that has ended is no error. */
    public boolean remove(long id) throws IOException {
        return database.write(connection -> Rows.change(connection, "DELETE FROM attachment WHERE id = ?", id) == 1);
    }

    /** All uses. */
    public List<Attachment> all() throws IOException {
        return database.read(connection -> {
            List<Attachment> all = new ArrayList<>();
            try (Rows rows = Rows.of(
                    connection,
                    "SELECT id, snapshot, pid, start_ticks, boot_id, sandbox, served FROM attachment ORDER BY id")) {
                while (rows.next()) {
                    all.add(new Attachment(
                            rows.number(1),
                            rows.number(2),
                            new Owner(rows.number(3), rows.number(4), rows.text(5)),
                            rows.text(6),
                            rows.number(7) != 0));
                }
            }
            return all;
        });
    }
}
