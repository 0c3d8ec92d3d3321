package io.lamina.host.store;

import io.lamina.host.store.RefusedException.Reason;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The images that were pulled or imported, and their names. An image keeps its layers from garbage collection; removing it
 * leaves them to that. Images of read-only stores are here too, but for changes. Any thread may call.
 */
public final class ImageStore {
    private final Database database;
    private final LayerStore layers;
    private final List<AdditionalStore> additional;
    private final Changed changed;

    /** What is to be done when images have changed. */
    @FunctionalInterface
    interface Changed {
        void run() throws IOException;
    }

    /** @param additional in which is looked, in their order, for what is not here */
    ImageStore(Database database, LayerStore layers, List<AdditionalStore> additional, Changed changed) {
        this.changed = changed;
        this.database = database;
        this.layers = layers;
        this.additional = List.copyOf(additional);
    }

    /**
     * A name of an image. One name may stand for several images, of one platform each.
     *
     * @param name as people write it, with its tag, such as {@code docker.io/library/busybox:1.36}
     * @param platform of the image that is meant
     * @param image digest of the image
     * @param index digest of the index that the name stands for where it came from, if it is one
     * @param updatedNs when it was last given, in nanoseconds since 1970
     * @param place the read-only store that gives the name; empty for our own
     */
    public record Name(
            String name, String platform, Digest image, Optional<Digest> index, long updatedNs, Optional<Path> place) {}

    /**
     * Adds an image, durably; one that is there already stays as it is.
     *
     * @throws RefusedException if one of its layers is neither in the store nor in one behind it
     */
    public void add(KeptImage image) throws IOException {
        for (BlobName blob : image.blobs()) {
            if (!layers.note(blob)) {
                throw new RefusedException(
                        Reason.NOT_FOUND,
                        "layer " + blob.diffId() + " is not in the store; hold new layers with a lease");
            }
        }
        database.write(connection -> {
            if (number(connection, image.digest()).isPresent()) {
                return false;
            }
            long id = Rows.insert(
                    connection,
                    "INSERT INTO image (digest, platform, manifest, config, created_ns) VALUES (?, ?, ?, ?, ?) RETURNING id",
                    image.digest().hex(),
                    image.platform(),
                    image.manifest().bytes(),
                    image.config().bytes(),
                    SnapshotStore.now());
            for (int position = 0; position < image.layers().size(); position++) {
                KeptImage.Layer layer = image.layers().get(position);
                int added = Rows.change(
                        connection,
                        "INSERT INTO image_layer SELECT ?, ?, id, ?, ?, ? FROM blob WHERE name = ?",
                        id,
                        position,
                        layer.digest().hex(),
                        layer.mediaType(),
                        layer.storedBytes(),
                        layer.blob().toString());
                if (added != 1) {
                    throw new RefusedException(
                            Reason.NOT_FOUND,
                            "layer " + layer.blob().diffId() + " was removed meanwhile; hold new layers with a lease");
                }
            }
            return true;
        });
    }

    /**
     * Gives a name to an image, for its platform; the name stands for no other of that platform then. One of a read-only
     * store is noted here first; its layers stay there.
     */
    public void tag(String name, Digest image, Optional<Digest> index) throws IOException {
        KeptImage kept =
                find(image).orElseThrow(() -> new RefusedException(Reason.NOT_FOUND, "there is no image " + image));
        add(kept);
        int _ = database.write(connection -> Rows.change(
                connection,
                "INSERT OR REPLACE INTO image_name SELECT ?, platform, id, ?, ? FROM image WHERE digest = ?",
                name,
                index.map(Digest::hex).orElse(""),
                SnapshotStore.now(),
                image.hex()));
        changed.run();
    }

    /** Takes a name away; false if it stood for nothing. The image stays, with other names or without. */
    public boolean untag(String name, String platform) throws IOException {
        boolean gone = database.write(connection ->
                Rows.change(connection, "DELETE FROM image_name WHERE name = ? AND platform = ?", name, platform) == 1);
        changed.run();
        return gone;
    }

    /** Removes an image with its names and documents; false if it is not here. A read-only store keeps its own. */
    public boolean remove(Digest image) throws IOException {
        boolean gone = database.write(
                connection -> Rows.change(connection, "DELETE FROM image WHERE digest = ?", image.hex()) == 1);
        changed.run();
        return gone;
    }

    /** The read-only stores that have an image, and keep it whatever is removed here. */
    public List<Path> elsewhere(Digest image) throws IOException {
        List<Path> places = new ArrayList<>();
        for (AdditionalStore store : additional) {
            if (store.find(image).isPresent()) {
                places.add(store.root());
            }
        }
        return places;
    }

    /** The image of this manifest, here or in a read-only store. */
    public Optional<KeptImage> find(Digest image) throws IOException {
        Optional<KeptImage> found = database.read(connection -> find(connection, image));
        for (int i = 0; found.isEmpty() && i < additional.size(); i++) {
            found = additional.get(i).find(image);
        }
        return found;
    }

    /** What a name stands for on a platform, here or else in a read-only store. */
    public Optional<KeptImage> find(String name, String platform) throws IOException {
        Optional<KeptImage> found = database.read(connection -> find(connection, name, platform));
        for (int i = 0; found.isEmpty() && i < additional.size(); i++) {
            found = additional.get(i).find(name, platform);
        }
        return found;
    }

    static Optional<KeptImage> find(Connection connection, Digest image) throws SQLException, IOException {
        return select(connection, " WHERE digest = ?", image.hex()).stream().findFirst();
    }

    static Optional<KeptImage> find(Connection connection, String name, String platform)
            throws SQLException, IOException {
        return select(
                        connection,
                        " WHERE id = (SELECT image FROM image_name WHERE name = ? AND platform = ?)",
                        name,
                        platform)
                .stream()
                .findFirst();
    }

    /** All images, ours first; one that several stores have comes once. */
    public List<KeptImage> all() throws IOException {
        Map<Digest, KeptImage> all = new LinkedHashMap<>();
        database.read(ImageStore::all).forEach(image -> all.put(image.digest(), image));
        for (AdditionalStore store : additional) {
            store.images().forEach(image -> all.putIfAbsent(image.digest(), image));
        }
        return List.copyOf(all.values());
    }

    static List<KeptImage> all(Connection connection) throws SQLException, IOException {
        return select(connection, " ORDER BY id");
    }

    /** All names, sorted; one of ours hides the same name of a read-only store. */
    public List<Name> names() throws IOException {
        Map<String, Name> names = new TreeMap<>();
        for (Name name : database.read(connection -> names(connection, Optional.empty()))) {
            names.put(name.name + " " + name.platform, name);
        }
        for (AdditionalStore store : additional) {
            store.names().forEach(name -> names.putIfAbsent(name.name + " " + name.platform, name));
        }
        return List.copyOf(names.values());
    }

    static List<Name> names(Connection connection, Optional<Path> place) throws SQLException {
        List<Name> names = new ArrayList<>();
        try (Rows rows = Rows.of(
                connection,
                "SELECT n.name, n.platform, i.digest, n.index_digest, n.updated_ns"
                        + " FROM image_name n JOIN image i ON i.id = n.image ORDER BY n.name, n.platform")) {
            while (rows.next()) {
                String index = rows.text(4);
                names.add(new Name(
                        rows.text(1),
                        rows.text(2),
                        new Digest(rows.text(3)),
                        index.isEmpty() ? Optional.empty() : Optional.of(new Digest(index)),
                        rows.number(5),
                        place));
            }
        }
        return names;
    }

    /**
     * Keeps a document with an image, in place of one of the same kind.
     *
     * @param kind what it is, such as its media type
     */
    public void putDocument(Digest image, String kind, ImageDocument document) throws IOException {
        int changed = database.write(connection -> Rows.change(
                connection,
                "INSERT OR REPLACE INTO image_document SELECT id, ?, ? FROM image WHERE digest = ?",
                kind,
                document.bytes(),
                image.hex()));
        if (changed != 1) {
            throw new RefusedException(Reason.NOT_FOUND, "there is no image " + image);
        }
    }

    /** What is kept with an image, by kind; ours, where there is any, or else that of a read-only store. */
    public Map<String, ImageDocument> documents(Digest image) throws IOException {
        Map<String, ImageDocument> documents = database.read(connection -> documents(connection, image));
        for (int i = 0; documents.isEmpty() && i < additional.size(); i++) {
            documents = additional.get(i).documents(image);
        }
        return documents;
    }

    static Map<String, ImageDocument> documents(Connection connection, Digest image) throws SQLException {
        Map<String, ImageDocument> documents = new TreeMap<>();
        try (Rows rows = Rows.of(
                connection,
                "SELECT d.kind, d.content FROM image_document d JOIN image i ON i.id = d.image WHERE i.digest = ?",
                image.hex())) {
            while (rows.next()) {
                documents.put(rows.text(1), ImageDocument.of(rows.bytes(2)));
            }
        }
        return documents;
    }

    private static Optional<Long> number(Connection connection, Digest image) throws SQLException {
        try (Rows rows = Rows.of(connection, "SELECT id FROM image WHERE digest = ?", image.hex())) {
            return rows.next() ? Optional.of(rows.number(1)) : Optional.empty();
        }
    }

    private static List<KeptImage> select(Connection connection, String where, Object... arguments)
            throws SQLException, IOException {
        List<KeptImage> found = new ArrayList<>();
        try (Rows rows =
                Rows.of(connection, "SELECT id, digest, platform, manifest, config FROM image" + where, arguments)) {
            while (rows.next()) {
                found.add(new KeptImage(
                        new Digest(rows.text(2)),
                        rows.text(3),
                        ImageDocument.of(rows.bytes(4)),
                        ImageDocument.of(rows.bytes(5)),
                        layers(connection, rows.number(1))));
            }
        }
        return found;
    }

    private static List<KeptImage.Layer> layers(Connection connection, long image) throws SQLException, IOException {
        List<KeptImage.Layer> layers = new ArrayList<>();
        try (Rows rows = Rows.of(
                connection,
                "SELECT b.name, l.digest, l.media_type, l.stored_bytes FROM image_layer l JOIN blob b ON b.id = l.blob"
                        + " WHERE l.image = ? ORDER BY l.position",
                image)) {
            while (rows.next()) {
                layers.add(new KeptImage.Layer(
                        BlobName.stored(rows.text(1)), new Digest(rows.text(2)), rows.text(3), rows.number(4)));
            }
        }
        return layers;
    }
}
