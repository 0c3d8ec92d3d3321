package io.lamina.host.store;

import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/**
 * Makes a store's images readable for others, who have it as a read-only one: a copy of the index without what concerns
 * containers, whole and without a log beside it, that replaces the one before by a rename.
 */
public final class Publication {
    private static final List<String> STRIP = List.of(
            "DELETE FROM attachment",
            "UPDATE snapshot SET parent = NULL",
            "DELETE FROM snapshot",
            "DELETE FROM lease",
            // What lies in other stores others will find there themselves.
            "DELETE FROM image WHERE id IN (SELECT l.image FROM image_layer l JOIN blob b ON b.id = l.blob WHERE b.place <> '')",
            "DELETE FROM fsmeta WHERE id IN (SELECT f.fsmeta FROM fsmeta_blob f JOIN blob b ON b.id = f.blob WHERE b.place <> '')",
            "DELETE FROM blob WHERE place <> ''");

    private Publication() {}

    /** Whether a store was published before, and so is to be after each change. */
    static boolean isPublished(StoreRoot root) {
        return Files.exists(root.index());
    }

    /** Publishes what a store has now; tells where. */
    public static Path publish(Store store) throws IOException {
        StoreRoot root = store.root();
        try (StagedDirectory building = StagedDirectory.in(root.staging())) {
            Path copy = building.content().resolve(StoreRoot.INDEX);
            store.database().copyTo(copy);
            try (Connection connection = Database.connectAlone(copy);
                    Statement statement = connection.createStatement()) {
                for (String sql : STRIP) {
                    statement.execute(sql);
                }
                statement.execute("VACUUM");
            } catch (SQLException failure) {
                throw new IOException(copy + ": " + failure.getMessage(), failure);
            }
            try (FileChannel file = FileChannel.open(copy, StandardOpenOption.READ)) {
                file.force(true);
            }
            Files.move(copy, root.index(), StandardCopyOption.ATOMIC_MOVE);
            DirectoryTree.force(root.images());
        }
        return root.index();
    }
}
