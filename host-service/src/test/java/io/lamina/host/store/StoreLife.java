package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.layer.LayerConverter;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.DirectoryTree;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;

/**
 * A store's life in ten steps: a layer, its conversion, a tree, a snapshot, what is applied to it, its commit, an image,
 * its name, a publication, a collection. What a life that was cut short must have left is known by how far it came.
 */
final class StoreLife {
    static final int STEPS = 10;

    private static final int FILE_BYTES = 150_000;
    private static final int TAR_RECORD_BYTES = 512;

    private final Acknowledged acknowledged;

    /** How far it has come; -1 while there was no store to begin in. */
    private int done = -1;

    /** Is told of each step when it has ended, by its number from 1 on. */
    @FunctionalInterface
    interface Acknowledged {
        void step(int number) throws IOException;
    }

    StoreLife(Acknowledged acknowledged) {
        this.acknowledged = acknowledged;
    }

    /** Lives in the store {@code arguments[0]} and says each step that has ended in a line of its own. */
    public static void main(String[] arguments) throws IOException {
        try (Store store = Store.openForDaemon(StoreRoot.in(Path.of(arguments[0])))) {
            new StoreLife(step -> {
                        System.out.println(step);
                        System.out.flush();
                    })
                    .live(store);
        }
    }

    int done() {
        return done;
    }

    private void step() throws IOException {
        done++;
        acknowledged.step(done);
    }

    void live(Store store) throws IOException {
        done = 0;
        LeaseStore.Lease lease = store.leases().take("life");
        BlobName layer = store.layers()
                .add(
                        (blob, leaves, recipe) -> LayerConverter.convert(
                                        new ByteArrayInputStream(tar()), blob, leaves, recipe)
                                .diffId(),
                        lease);
        step();
        store.layers().converted(layer.diffId(), new LayerStore.Converted(layer, tar().length));
        step();
        var _ = store.fsmetas().findOrMerge(List.of(layer), (image, leaves) -> {
            byte[] block = new byte[VerityGeometry.STANDARD.dataBlockSizeBytes()];
            byte[] hash = new byte[VerityGeometry.HASH_BYTES];
            new LeafHasher(VerityGeometry.STANDARD).hash(ByteBuffer.wrap(block), hash, 0);
            image.write(ByteBuffer.wrap(block));
            leaves.write(ByteBuffer.wrap(hash));
        });
        step();
        Snapshot active = store.snapshots()
                .make(new SnapshotStore.Wanted(
                        "k",
                        Optional.empty(),
                        Snapshot.Kind.ACTIVE,
                        Map.of("l", "x".repeat(3000)),
                        new Snapshot.Content(
                                Snapshot.Way.HOST, Optional.empty(), OptionalLong.empty(), 0, Snapshot.Usage.NONE)));
        step();
        store.snapshots().applied(active.id(), layer);
        step();
        store.snapshots()
                .commit(new SnapshotStore.Commit(
                        "k",
                        "c",
                        Optional.empty(),
                        Map.of(),
                        layer,
                        store.layers().usage(layer)));
        step();
        ImageDocument manifest = ImageDocument.of(new byte[5000]);
        store.images()
                .add(new KeptImage(
                        manifest.digest(),
                        "linux/amd64",
                        manifest,
                        manifest,
                        List.of(new KeptImage.Layer(layer, layer.diffId(), "x", 1))));
        step();
        store.images().tag("a", manifest.digest(), Optional.empty());
        step();
        Path _ = Publication.publish(store);
        step();
        store.leases().end(lease.id());
        var _ = GarbageCollection.run(store, Duration.ofHours(1));
        step();
    }

    /** What a life that came so far has left, every byte of it. */
    static void check(Store store, int cameTo) throws IOException {
        assertEquals(
                List.of(),
                StoreCheck.check(store, true, _ -> {}).problems().stream()
                        .filter(problem -> !problem.contains("belongs to no snapshot"))
                        .toList());
        assertTrue(cameTo < 1 || store.layers().names().size() == 1);
        assertTrue(cameTo < 4 || store.snapshots().count() == 1);
        assertTrue(cameTo < 6 || store.snapshots().get("c").kind() == Snapshot.Kind.COMMITTED);
        assertTrue(cameTo < 8 || store.images().find("a", "linux/amd64").isPresent());
        assertEquals(List.of(), DirectoryTree.entries(store.root().staging()));
    }

    /** One file of noise, the same each time. */
    private static byte[] tar() {
        byte[] header = new byte[TAR_RECORD_BYTES];
        text(header, 0, "noise");
        text(header, 100, "0000644~0000000~0000000~");
        text(header, 124, String.format(Locale.ROOT, "%011o~00000000000~", FILE_BYTES));
        text(header, 148, "        0");
        text(header, 257, "ustar~00");
        int sum = 0;
        for (byte one : header) {
            sum += one & 0xff;
        }
        text(header, 148, String.format(Locale.ROOT, "%06o~ ", sum));
        byte[] file = new byte[FILE_BYTES];
        new Random(1).nextBytes(file);
        int padded = (FILE_BYTES + TAR_RECORD_BYTES - 1) / TAR_RECORD_BYTES * TAR_RECORD_BYTES;
        byte[] tar = Arrays.copyOf(header, TAR_RECORD_BYTES + padded + 2 * TAR_RECORD_BYTES);
        System.arraycopy(file, 0, tar, TAR_RECORD_BYTES, FILE_BYTES);
        return tar;
    }

    /** Writes with a NUL for each {@code ~}. */
    private static void text(byte[] into, int at, String text) {
        byte[] bytes = text.replace('~', '\0').getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, into, at, bytes.length);
    }
}
