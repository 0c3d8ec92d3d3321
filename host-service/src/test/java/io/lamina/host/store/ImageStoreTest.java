package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageStoreTest {
    private static final String AMD64 = "linux/amd64";

    @TempDir
    private Path directory;

    private Store store;

    @BeforeEach
    void open() throws IOException {
        store = Store.openForDaemon(StoreRoot.in(directory.resolve("store")));
    }

    @AfterEach
    void close() throws IOException {
        store.close();
    }

    @Test
    void anImageIsFoundByDigestAndByNameByteForByte() throws IOException {
        LeaseStore.Lease lease = store.leases().take("pull");
        KeptImage image = image("{ \"odd\" : 1 }", layer(1, lease), layer(2, lease));
        Digest index = Digest.ofContent(new byte[] {9});
        store.images().add(image);
        store.images().add(image);
        store.images().tag("localhost/a:1", image.digest(), Optional.of(index));
        store.images().putDocument(image.digest(), "statement", ImageDocument.of(new byte[] {0, -1, 7}));

        assertEquals(Optional.of(image), store.images().find(image.digest()));
        assertEquals(Optional.of(image), store.images().find("localhost/a:1", AMD64));
        assertEquals(Optional.empty(), store.images().find("localhost/a:1", "linux/arm64"));
        assertEquals(List.of(image), store.images().all());
        ImageStore.Name name = store.images().names().getFirst();
        assertEquals(image.digest(), name.image());
        assertEquals(Optional.of(index), name.index());
        assertEquals(
                Map.of("statement", ImageDocument.of(new byte[] {0, -1, 7})),
                store.images().documents(image.digest()));
    }

    @Test
    void aNameMovesToAnotherImageOfItsPlatform() throws IOException {
        LeaseStore.Lease lease = store.leases().take("pull");
        KeptImage first = image("first", layer(1, lease));
        KeptImage second = image("second", layer(1, lease));
        store.images().add(first);
        store.images().add(second);
        store.images().tag("a", first.digest(), Optional.empty());
        store.images().tag("a", second.digest(), Optional.empty());
        assertEquals(Optional.of(second), store.images().find("a", AMD64));
        assertEquals(1, store.images().names().size());
        assertTrue(store.images().untag("a", AMD64));
        assertFalse(store.images().untag("a", AMD64));
        assertTrue(store.images().find(second.digest()).isPresent());
        assertThrows(
                RefusedException.class,
                () -> store.images().tag("a", Digest.ofContent(new byte[] {5}), Optional.empty()));
    }

    @Test
    void collectionTakesWhatNoImageAndNoLeaseRefersTo() throws Exception {
        LeaseStore.Lease lease = store.leases().take("pull");
        BlobName inImage = layer(1, lease);
        BlobName held = layer(2, lease);
        BlobName neither = store.layers().add(zeroes(3));
        KeptImage image = image("m", inImage);
        store.images().add(image);
        Thread.sleep(5);

        GarbageCollection.run(store, Duration.ZERO);
        assertTrue(isHere(inImage) && isHere(held));
        assertFalse(isHere(neither));
        assertThrows(RefusedException.class, () -> store.leases().hold(lease.id(), neither));

        store.leases().end(lease.id());
        GarbageCollection.run(store, Duration.ZERO);
        assertTrue(isHere(inImage));
        assertFalse(isHere(held));

        assertTrue(store.images().remove(image.digest()));
        GarbageCollection.run(store, Duration.ZERO);
        assertFalse(isHere(inImage));
        assertEquals(List.of(), StoreCheck.check(store, true, _ -> {}).problems());
    }

    @Test
    void aLeaseEndsWithItsProcessOrItsTime() throws Exception {
        Process process = new ProcessBuilder("sleep", "60").start();
        long ofProcess = store.leases()
                .take("process", Owner.of(process.pid()).orElseThrow())
                .id();
        long ofTime = store.leases().take("time", Duration.ofHours(1)).id();
        store.leases().take("over", Duration.ofNanos(1));
        Thread.sleep(2);
        assertEquals(1, store.leases().endStale());
        process.destroyForcibly().waitFor();
        assertEquals(1, store.leases().endStale());
        assertEquals(
                List.of(ofTime),
                store.leases().all().stream().map(LeaseStore.Lease::id).toList());
        assertThrows(
                RefusedException.class,
                () -> store.leases().hold(ofProcess, layer(1, store.leases().take(""))));
    }

    @Test
    void aConversionFromElsewhereServesNobodyWhoMerelyHasTheLayer() throws IOException {
        LeaseStore.Lease lease = store.leases().take("pull");
        BlobName name = store.layers().add(zeroes(1));
        store.blobs().remove(name);
        assertThrows(
                CorruptImageException.class,
                () -> store.layers()
                        .addForeign(
                                new BlobName(name.diffId(), name.formatVersion(), Digest.ofContent(new byte[] {1})),
                                zeroes(1),
                                lease));
        assertEquals(name, store.layers().addForeign(name, zeroes(1), lease));
        assertEquals(Optional.empty(), store.layers().find(name.diffId(), lease));
        assertTrue(isHere(name));
        // Once we have made the same bytes ourselves, it is ours.
        assertEquals(name, store.layers().add(zeroes(1), lease));
        assertEquals(Optional.of(name), store.layers().find(name.diffId(), lease));
    }

    private boolean isHere(BlobName name) throws IOException {
        return store.layers().names().contains(name) && store.blobs().isHere(name);
    }

    private BlobName layer(int number, LeaseStore.Lease lease) throws IOException {
        return store.layers().add(zeroes(number), lease);
    }

    private static BlobStore.Conversion zeroes(int number) {
        return (blob, leaves, recipe) -> {
            blob.write(ByteBuffer.wrap(new byte[128 * 4096]));
            leaves.write(ByteBuffer.wrap(PartHashes.zeroLeaves(VerityGeometry.STANDARD, 128)));
            return Digest.ofContent(new byte[] {(byte) number});
        };
    }

    private static KeptImage image(String manifest, BlobName... layers) {
        ImageDocument document = ImageDocument.of(manifest.getBytes(StandardCharsets.UTF_8));
        return new KeptImage(
                document.digest(),
                AMD64,
                document,
                ImageDocument.of(new byte[] {'{', '}'}),
                List.of(layers).stream()
                        .map(blob -> new KeptImage.Layer(blob, blob.diffId(), "application/x", 7))
                        .toList());
    }
}
