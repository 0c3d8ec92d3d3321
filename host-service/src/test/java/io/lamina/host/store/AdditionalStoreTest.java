package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.oci.Digest;
import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdditionalStoreTest {
    private static final Digest STORED = Digest.ofContent(new byte[] {1, 1});

    @TempDir
    private Path directory;

    private Path others;
    private BlobName layer;
    private KeptImage image;

    @BeforeEach
    void anotherStoreWithAnImage() throws IOException {
        others = directory.resolve("others");
        try (Store store = Store.openForDaemon(StoreRoot.in(others))) {
            LeaseStore.Lease lease = store.leases().take("pull");
            layer = store.layers().add(AdditionalStoreTest::someLayer, lease);
            store.layers().converted(STORED, new LayerStore.Converted(layer, 10240));
            image = image(layer);
            store.images().add(image);
            store.images().tag("baked:1", image.digest(), Optional.empty());
            Publication.publish(store);
        }
    }

    private Store open(Path... additional) throws IOException {
        Path own = directory.resolve("own");
        return Store.openForDaemon(new StoreRoot(own, own, List.of(additional)));
    }

    @Test
    void itsImagesAndLayersServeAndNothingOfItIsWritten() throws IOException {
        List<String> before = state(others);
        try (Store store = open(others)) {
            assertEquals(Optional.of(image), store.images().find("baked:1", "linux/amd64"));
            assertEquals(List.of(image), store.images().all());
            assertEquals(Optional.of(others), store.images().names().getFirst().place());
            assertEquals(layer, store.layers().converted(STORED).orElseThrow().blob());
            StoredBlob blob = store.layers().get(layer);
            assertTrue(blob.elsewhere());
            assertTrue(blob.blob().startsWith(others));
            store.images().tag("mine:1", image.digest(), Optional.empty());
            assertEquals(2, store.images().names().size());
            assertEquals(List.of(others), store.images().elsewhere(image.digest()));
            assertTrue(store.images().remove(image.digest()));
            assertEquals(List.of(image), store.images().all());
            GarbageCollection.run(store, Duration.ZERO);
            assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
        }
        assertEquals(before, state(others));
    }

    @Test
    void whatItsOwnerPublishesLaterIsSeen() throws IOException {
        try (Store store = open(others)) {
            assertEquals(1, store.images().names().size());
            try (Store owner = Store.openForDaemon(StoreRoot.in(others))) {
                owner.images().tag("baked:2", image.digest(), Optional.empty());
            }
            assertEquals(2, store.images().names().size());
        }
    }

    @Test
    void eachReadIsComparedWithTheHashesAlsoAfterTheFirst() throws IOException {
        try (Store store = open(others);
                BlobSource source = store.layers().get(layer).open();
                BlobSource plain =
                        BlobSource.open(BlobStore.open(others).get(layer).orElseThrow())) {
            byte[] have = new byte[100_000];
            byte[] want = new byte[100_000];
            source.read(3000, have, 0, have.length);
            plain.read(3000, want, 0, want.length);
            assertArrayEquals(want, have);
            store.images().tag("mine:1", image.digest(), Optional.empty());
            flip(store.layers().get(layer).blob(), 5000);
            CorruptImageException changed =
                    assertThrows(CorruptImageException.class, () -> source.read(0, have, 0, have.length));
            assertTrue(changed.getMessage().contains("block 1 ")
                    && changed.getMessage().contains(others.toString()));
            CorruptImageException copied = assertThrows(
                    CorruptImageException.class, () -> store.layers().here(layer));
            assertTrue(copied.getMessage().contains("block 1 "), copied.getMessage());
            assertFalse(store.blobs().isHere(layer));
            assertEquals(List.of(layer), StoreCheck.check(store, true, _ -> {}).damaged());
        }
    }

    @Test
    void hashesThatWereChangedWithTheDataAreFoundToo() throws IOException {
        try (Store store = open(others);
                BlobSource source = store.layers().get(layer).open()) {
            flip(store.layers().get(layer).leaves(), 40);
            CorruptImageException changed =
                    assertThrows(CorruptImageException.class, () -> source.read(0, new byte[10], 0, 10));
            assertTrue(changed.getMessage().contains("of the hashes"), changed.getMessage());
        }
    }

    @Test
    void whenItGoesTheLayerIsMissedByName() throws IOException {
        try (Store store = open(others)) {
            store.images().tag("mine:1", image.digest(), Optional.empty());
            DirectoryTree.delete(others);
            CorruptImageException gone = assertThrows(
                    CorruptImageException.class, () -> store.layers().get(layer));
            assertTrue(gone.getMessage().contains(others.toString()), gone.getMessage());
            assertTrue(gone.getMessage().contains(layer.diffId().hex()), gone.getMessage());
        }
        IOException refused = assertThrows(IOException.class, () -> open(others).close());
        assertTrue(refused.getMessage().contains(others.toString()), refused.getMessage());
    }

    @Test
    void aLayerInTwoStoresIsOneAndTheFirstStoreServesIt() throws IOException {
        Path second = directory.resolve("second");
        try (Store store = Store.openForDaemon(StoreRoot.in(second))) {
            store.layers().add(AdditionalStoreTest::someLayer);
            Publication.publish(store);
        }
        try (Store store = open(second, others)) {
            assertTrue(store.layers().get(layer).blob().startsWith(second));
            store.images().tag("mine:1", image.digest(), Optional.empty());
            assertEquals(List.of(layer), store.layers().names());
            StoredBlob here = store.layers().here(layer);
            assertTrue(here.blob().startsWith(directory.resolve("own")));
            assertEquals(List.of(layer), store.layers().names());
            assertFalse(store.layers().get(layer).elsewhere());
            assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
            assertTrue(Files.size(here.recipe()) > 0);
        }
    }

    @Test
    void aStoreThatWasNotPublishedIsRefused() throws IOException {
        Path unpublished = directory.resolve("unpublished");
        Store.openForDaemon(StoreRoot.in(unpublished)).close();
        IOException refused =
                assertThrows(IOException.class, () -> open(unpublished).close());
        assertTrue(refused.getMessage().contains("lamina store publish"), refused.getMessage());
        open(others).close(); // the refusal has given up its locks
    }

    @Test
    void tooLittleRoomCollectsByAgeAndThenRefuses() throws IOException {
        try (Store store = open()) {
            LeaseStore.Lease lease = store.leases().take("pull");
            BlobName unused = store.layers().add(AdditionalStoreTest::someLayer);
            BlobName used = store.layers().add((blob, leaves, recipe) -> convert(7, blob, leaves, recipe), lease);
            long[] free = {30};
            DiskSpace space = new DiskSpace(
                    store, new DiskSpace.Marks(20, 10), _ -> new DiskSpace.Room(free[0] << 20, 100L << 20));
            space.checkRoom("x");
            assertEquals(new GarbageCollection.Removed(0, 0, 0), space.keep());
            free[0] = 15;
            assertEquals(0, space.keep().blobs()); // nothing is old
            Files.setLastModifiedTime(
                    store.root().blobs().resolve(unused.toString()),
                    FileTime.fromMillis(System.currentTimeMillis() - 7_200_000));
            assertEquals(1, space.keep().blobs());
            assertEquals(List.of(used), store.layers().names());
            space.checkRoom("x");
            free[0] = 5;
            RefusedException full = assertThrows(RefusedException.class, () -> space.checkRoom("layer x"));
            assertEquals(RefusedException.Reason.RESOURCE_EXHAUSTED, full.reason());
            assertTrue(full.getMessage().startsWith("layer x: "), full.getMessage());
        }
    }

    private static Digest someLayer(FileChannel blob, FileChannel leaves, FileChannel recipe) throws IOException {
        return convert(1, blob, leaves, recipe);
    }

    /** Of a tar of one file of random bytes, made by GNU tar. */
    private static Digest convert(long seed, FileChannel blob, FileChannel leaves, FileChannel recipe)
            throws IOException {
        byte[] data = new byte[600_000];
        new Random(seed).nextBytes(data);
        Path file = Files.write(Files.createTempDirectory("lamina-test-").resolve("data"), data);
        Files.setLastModifiedTime(file, FileTime.fromMillis(0));
        Process tar = new ProcessBuilder("tar", "-cf", "-", "-C", String.valueOf(file.getParent()), "data").start();
        try (InputStream bytes = tar.getInputStream()) {
            return LayerConverter.convert(bytes, blob, leaves, recipe).diffId();
        } finally {
            DirectoryTree.delete(Objects.requireNonNull(file.getParent()));
        }
    }

    private static void flip(Path file, long at) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.seek(at);
            int value = open.read();
            open.seek(at);
            open.write(value ^ 1);
        }
    }

    private static List<String> state(Path root) throws IOException {
        try (Stream<Path> paths = Files.walk(root)) {
            return paths.map(path -> path + " " + path.toFile().lastModified() + " "
                            + path.toFile().length())
                    .sorted()
                    .toList();
        }
    }

    private static KeptImage image(BlobName layer) {
        ImageDocument manifest = ImageDocument.of(new byte[] {'m'});
        return new KeptImage(
                manifest.digest(),
                "linux/amd64",
                manifest,
                ImageDocument.of(new byte[] {'{', '}'}),
                List.of(new KeptImage.Layer(layer, STORED, "application/x", 7)));
    }
}
