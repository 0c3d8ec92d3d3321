package io.lamina.images.oci;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.testing.Mutations;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class OciLayoutTest {
    private static final Platform AMD64 = new Platform("linux", "amd64", "");
    private static final Platform ARM64 = new Platform("linux", "arm64", "");
    private static final byte[] BASE = TestLayout.tar("base", "one");
    private static final byte[] TOP = TestLayout.tar("top", "two");

    @TempDir
    Path directory;

    private TestLayout layout;

    @BeforeEach
    void makeLayout() throws IOException {
        layout = new TestLayout(directory.resolve("layout"));
    }

    @Test
    void anImageIsReadWithItsLayersInOrder() throws Exception {
        Map<String, Object> manifest = layout.image("amd64", BASE, TOP);
        layout.tag("v1", manifest);
        StoredImage image = open("");
        assertEquals(manifest.get("digest"), image.manifestDigest().toString());
        assertEquals(List.of("/bin/amd64"), image.config().execution().cmd());
        assertEquals(image.config(), ImageConfig.parse(image.configBytes()));
        assertEquals(image.configDigest(), Digest.ofContent(image.configBytes()));
        assertEquals(2, image.layers().size());
        assertArrayEquals(BASE, LayerStream.uncompressed(image.layers().get(0)).readAllBytes());
        assertArrayEquals(TOP, LayerStream.uncompressed(image.layers().get(1)).readAllBytes());
        StoredLayer top = image.layers().get(1);
        assertArrayEquals(TestLayout.gzip(TOP), top.open().readAllBytes());
        assertEquals(Digest.ofContent(TestLayout.gzip(TOP)), top.digest());
        assertEquals(Digest.ofContent(TOP), top.diffId());
        assertEquals(MediaType.OCI_LAYER_GZIP, top.mediaType());
        assertEquals(TestLayout.gzip(TOP).length, top.sizeBytes());
    }

    @Test
    void aTagChoosesTheImage() throws Exception {
        layout.tag("v1", layout.image("amd64", BASE)).tag("v2", layout.image("amd64", BASE, TOP));
        assertEquals(1, open(":v1").layers().size());
        assertEquals(2, open(":v2").layers().size());
        refused("has no image named v3, it has v1, v2", ":v3");
        refused("has several images and needs the name of one: v1, v2", "");
        layout.tag("latest", layout.image("amd64", TOP));
        assertEquals(Digest.ofContent(TOP), open("").layers().getFirst().diffId());
    }

    @Test
    void oneTagForTwoContentsIsRefused() throws Exception {
        layout.tag("v1", layout.image("amd64", BASE)).tag("v1", layout.image("amd64", TOP));
        refused("has several images and needs the name of one", ":v1");
    }

    @Test
    void thePlatformChoosesWithinAnIndex() throws Exception {
        Map<String, Object> index = layout.index(List.of(
                TestLayout.forPlatform("arm64", layout.image("arm64", TOP)),
                TestLayout.forPlatform("amd64", layout.image("amd64", BASE))));
        layout.tag("multi", layout.index(List.of(index)));
        assertEquals("amd64", open("").config().platform().architecture());
        assertEquals("arm64", open("", ARM64).config().platform().architecture());
        UnsupportedImageException refusal =
                assertThrows(UnsupportedImageException.class, () -> open("", new Platform("linux", "riscv64", "")));
        assertTrue(
                refusal.getMessage().endsWith("no image for linux/riscv64, it has linux/arm64, linux/amd64"),
                refusal.getMessage());
    }

    @Test
    void indexesWithinEachOtherHaveAnEnd() throws Exception {
        Map<String, Object> descriptor = layout.image("amd64", BASE);
        for (int depth = 0; depth < 5; depth++) {
            descriptor = layout.index(List.of(descriptor));
        }
        layout.tag("deep", descriptor);
        refused("has more than 4 indexes within each other", "");
    }

    @Test
    void changedBytesOfALayerAreNoticedAtItsEnd() throws Exception {
        layout.tag("v1", layout.image("amd64", BASE));
        StoredLayer layer = open("").layers().getFirst();
        byte[] stored = Files.readAllBytes(layout.path(layer.digest()));
        for (int at = 0; at < stored.length; at++) {
            byte[] changed = stored.clone();
            changed[at] ^= 1;
            Files.write(layout.path(layer.digest()), changed);
            assertThrows(CorruptImageException.class, () -> layer.open().readAllBytes());
            try (InputStream tar = LayerStream.uncompressed(layer)) {
                assertArrayEquals(BASE, tar.readAllBytes(), "byte " + at + " is one that gzip ignores");
            } catch (CorruptImageException expected) {
                assertTrue(expected.getMessage().startsWith("layer sha256:"), expected.getMessage());
            }
        }
    }

    @Test
    void aTarOfAnotherDiffIdIsNoticedAtItsEnd() throws Exception {
        Map<String, Object> other = layout.blob(MediaType.OCI_LAYER_GZIP, TestLayout.gzip(TOP));
        StoredImage right = openOnly(layout.image("amd64", BASE));
        Map<String, Object> config = layout.blob(MediaType.OCI_CONFIG, right.configBytes());
        StoredLayer layer =
                openOnly(layout.manifest(config, List.of(other))).layers().getFirst();
        assertEquals(TestLayout.gzip(TOP).length, layer.open().readAllBytes().length);
        assertThrows(
                CorruptImageException.class,
                () -> LayerStream.uncompressed(layer).skipNBytes(TOP.length + 1));
    }

    @Test
    void filesThatAreNotAsLongAsTheyShouldBeAreRefused() throws Exception {
        layout.tag("v1", layout.image("amd64", BASE));
        StoredImage image = open("");
        Path layer = layout.path(image.layers().getFirst().digest());
        byte[] stored = Files.readAllBytes(layer);
        Files.write(layer, new byte[stored.length + 1]);
        refused("its descriptor says " + stored.length, "");
        Files.write(layer, new byte[stored.length - 1]);
        refused("its descriptor says " + stored.length, "");
        assertThrows(
                CorruptImageException.class,
                () -> image.layers().getFirst().open().readAllBytes());
        Files.delete(layer);
        StoredLayer missing = open("").layers().getFirst();
        assertTrue(assertThrows(CorruptImageException.class, missing::open)
                .getMessage()
                .contains("has no file blobs/sha256/"));
    }

    @Test
    void changedDocumentsAreRefused() throws Exception {
        Map<String, Object> descriptor = layout.image("amd64", BASE);
        layout.tag("v1", descriptor);
        Digest config = open("").configDigest();
        for (Digest digest : List.of(config, Digest.parse((String) descriptor.get("digest")))) {
            byte[] good = Files.readAllBytes(layout.path(digest));
            byte[] changed = new String(good, StandardCharsets.UTF_8)
                    .replace("linux", "xunil")
                    .replace("schema", "shcema")
                    .getBytes(StandardCharsets.UTF_8);
            Files.write(layout.path(digest), changed);
            refused("has the digest sha256:", "");
            Files.write(layout.path(digest), good);
        }
    }

    @Test
    void documentsThatAreTwoThingsAtOnceAreRefused() throws Exception {
        byte[] both =
                "{\"schemaVersion\":2,\"config\":{},\"layers\":[],\"manifests\":[]}".getBytes(StandardCharsets.UTF_8);
        layout.tag("m", layout.blob(MediaType.OCI_MANIFEST, both)).tag("i", layout.blob(MediaType.OCI_INDEX, both));
        refused("does not belong into a document of this kind", ":m");
        refused("does not belong into a document of this kind", ":i");
    }

    @Test
    void layersOfUnknownKindsAreRefusedWhenTheyAreRead() throws Exception {
        StoredImage right = openOnly(layout.image("amd64", BASE));
        Map<String, Object> config = layout.blob(MediaType.OCI_CONFIG, right.configBytes());
        Map<String, Object> odd = layout.blob("application/vnd.example.layer", BASE);
        StoredImage image = openOnly(layout.manifest(config, List.of(odd)));
        assertThrows(
                UnsupportedImageException.class,
                () -> LayerStream.uncompressed(image.layers().getFirst()));
    }

    @Test
    void layersAndDiffIdsMustBeEqualInNumber() throws Exception {
        StoredImage right = openOnly(layout.image("amd64", BASE));
        Map<String, Object> config = layout.blob(MediaType.OCI_CONFIG, right.configBytes());
        layout.tag("odd", layout.manifest(config, List.of()));
        refused("has 0 layers and 1 diffIDs", ":odd");
    }

    @Test
    void digestsAreNoWayOutOfTheLayout() throws Exception {
        Files.writeString(
                layout.root().resolve("index.json"),
                "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" + MediaType.OCI_MANIFEST
                        + "\",\"size\":1,\"digest\":\"sha256:../../../etc/passwd\"}]}");
        refused("is not sha256: and 64 lower-case hex digits", "");
    }

    @Test
    void mutatedIndexesAndManifestsAreReadOrRefused() throws Exception {
        Map<String, Object> image = layout.image("amd64", BASE, TOP);
        layout.index(List.of(TestLayout.forPlatform("amd64", image), TestLayout.forPlatform("arm64", image)));
        byte[] manifest = Files.readAllBytes(layout.path(Digest.parse((String) image.get("digest"))));
        layout.tag("v1", image);
        byte[] index = Files.readAllBytes(layout.root().resolve("index.json"));
        long seed = 0x0c1;
        Random random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            try {
                Manifest.parse(Mutations.mutate(manifest, random));
            } catch (CorruptImageException refusal) {
                // As it should be.
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
            try {
                Index.parse("index", Mutations.mutate(index, random)).named("index", Optional.empty(), AMD64);
            } catch (CorruptImageException | UnsupportedImageException refusal) {
                // As it should be.
            } catch (RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
    }

    @Test
    void referencesAreReadAsUsersWriteThem() {
        assertEquals(
                new ImageReference.OciLayout(Path.of("dir"), Optional.of("v1")), ImageReference.parse("oci:dir:v1"));
        assertEquals(
                new ImageReference.OciArchive(Path.of("/a/b.tar"), Optional.empty()),
                ImageReference.parse("oci-archive:/a/b.tar"));
        assertEquals(
                new ImageReference.DockerArchive(Path.of("x.tar"), Optional.of("debian:12")),
                ImageReference.parse("docker-archive:x.tar:debian:12"));
        for (String wrong : List.of("", "oci", "oci:", "oci:dir:", "docker://debian", "dir:x", ":x", "oci:\0")) {
            assertThrows(IllegalArgumentException.class, () -> ImageReference.parse(wrong), wrong);
        }
    }

    private StoredImage openOnly(Map<String, Object> manifest) throws IOException {
        Files.deleteIfExists(layout.root().resolve("index.json"));
        layout = new TestLayout(layout.root());
        layout.tag("only", manifest);
        return open("");
    }

    private StoredImage open(String suffix) throws IOException {
        return open(suffix, AMD64);
    }

    private StoredImage open(String suffix, Platform platform) throws IOException {
        return ImageReference.parse("oci:" + layout.root() + suffix).open(platform);
    }

    private void refused(String part, String suffix) {
        String message =
                assertThrows(CorruptImageException.class, () -> open(suffix)).getMessage();
        assertTrue(message.contains(part), message);
    }
}
