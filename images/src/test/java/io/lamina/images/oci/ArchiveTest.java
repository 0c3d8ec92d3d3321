package io.lamina.images.oci;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.UnsupportedImageException;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.testing.Programs;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ArchiveTest {
    private static final Platform AMD64 = new Platform("linux", "amd64", "");
    private static final byte[] BASE = TestLayout.tar("base", "one");
    private static final byte[] TOP = TestLayout.tar("top", "two".repeat(1000));

    @TempDir
    Path directory;

    private TestLayout layout;
    private StoredImage original;

    @BeforeEach
    void makeImage() throws IOException {
        layout = new TestLayout(directory.resolve("layout"));
        layout.tag("v1", layout.image("amd64", BASE, TOP));
        original = open("oci:" + layout.root());
    }

    @Test
    void anOciArchiveOfSkopeoHoldsTheSameImage() throws Exception {
        Machine.needsProgram("skopeo");
        Path archive = directory.resolve("image.tar");
        skopeo("oci-archive:" + archive + ":v7");
        assertSame(open("oci-archive:" + archive + ":v7"));
        assertSame(open("oci-archive:" + archive));
    }

    @Test
    void everyTarFormatIsRead() throws Exception {
        Machine.needsProgram("tar");
        for (String format : List.of("ustar", "gnu", "pax", "v7")) {
            Path archive = directory.resolve(format + ".tar");
            Programs.run(
                    "tar",
                    "--format=" + format,
                    "-cf",
                    archive.toString(),
                    "-C",
                    layout.root().toString(),
                    ".");
            assertSame(open("oci-archive:" + archive));
        }
    }

    @Test
    void aDockerArchiveOfSkopeoHoldsTheSameLayers() throws Exception {
        Machine.needsProgram("skopeo");
        Path archive = directory.resolve("docker.tar");
        skopeo("docker-archive:" + archive + ":team/box:v7");
        for (String suffix : List.of("", ":docker.io/team/box:v7")) {
            StoredImage image = open("docker-archive:" + archive + suffix);
            assertEquals(original.config().execution(), image.config().execution());
            assertLayers(image);
        }
        CorruptImageException refusal =
                assertThrows(CorruptImageException.class, () -> open("docker-archive:" + archive + ":other:v7"));
        assertTrue(refusal.getMessage().contains("docker.io/team/box:v7"), refusal.getMessage());
    }

    @Test
    void bothLayoutsOfDockerGiveTheSameManifestDigest() throws Exception {
        Machine.needsProgram("tar");
        StoredImage blobs = open("docker-archive:" + dockerArchive("blobs", true));
        StoredImage old = open("docker-archive:" + dockerArchive("old", false) + ":box");
        assertLayers(blobs);
        assertLayers(old);
        assertEquals(original.configDigest(), old.configDigest());
        assertEquals(old.manifestDigest(), blobs.manifestDigest());
        assertEquals(
                original.layers().getFirst().digest(), blobs.layers().getFirst().digest());
        assertEquals(Digest.ofContent(BASE), old.layers().getFirst().digest());
    }

    @Test
    void aCompressedArchiveIsRefusedWithAnAdvice() throws Exception {
        byte[] noise = new byte[2000];
        new Random(1).nextBytes(noise);
        Path archive = Files.write(directory.resolve("image.tar.gz"), TestLayout.gzip(noise));
        UnsupportedImageException refusal =
                assertThrows(UnsupportedImageException.class, () -> open("oci-archive:" + archive));
        assertTrue(refusal.getMessage().endsWith("a compressed archive; decompress it first"), refusal.getMessage());
    }

    /** As {@code docker save} writes: since version 25 with the layers as they are stored, before as plain tars. */
    private Path dockerArchive(String name, boolean blobs) throws Exception {
        Path root = directory.resolve(name);
        Files.createDirectories(root.resolve("blobs/sha256"));
        String config = (blobs ? "blobs/sha256/" : "") + original.configDigest().hex() + (blobs ? "" : ".json");
        Files.write(root.resolve(config), original.configBytes());
        String base = "base/layer.tar";
        String top = "top/layer.tar";
        if (blobs) {
            base = "blobs/sha256/" + original.layers().get(0).digest().hex();
            top = "blobs/sha256/" + original.layers().get(1).digest().hex();
            Files.write(root.resolve(base), original.layers().get(0).open().readAllBytes());
            Files.write(root.resolve(top), original.layers().get(1).open().readAllBytes());
        } else {
            Files.createDirectories(root.resolve("base"));
            Files.createDirectories(root.resolve("top"));
            Files.write(root.resolve(base), BASE);
            Files.write(root.resolve("real.tar"), TOP);
            Files.createSymbolicLink(root.resolve(top), Path.of("../real.tar"));
        }
        Files.write(
                root.resolve("manifest.json"),
                JsonWriter.write(List.of(
                        Map.of("Config", config, "RepoTags", List.of("box:latest"), "Layers", List.of(base, top)))));
        Path archive = directory.resolve(name + ".tar");
        Programs.run("tar", "-cf", archive.toString(), "-C", root.toString(), ".");
        return archive;
    }

    private void assertSame(StoredImage image) throws IOException {
        assertEquals(original.manifestDigest(), image.manifestDigest());
        assertArrayEquals(original.configBytes(), image.configBytes());
        assertLayers(image);
    }

    private void assertLayers(StoredImage image) throws IOException {
        assertEquals(2, image.layers().size());
        assertArrayEquals(BASE, LayerStream.uncompressed(image.layers().get(0)).readAllBytes());
        assertArrayEquals(TOP, LayerStream.uncompressed(image.layers().get(1)).readAllBytes());
        for (StoredLayer layer : image.layers()) {
            assertEquals(layer.sizeBytes(), layer.open().readAllBytes().length);
        }
    }

    private void skopeo(String target) throws Exception {
        Programs.run("skopeo", "--insecure-policy", "copy", "-q", "oci:" + layout.root() + ":v1", target);
    }

    private static StoredImage open(String reference) throws IOException {
        return ImageReference.parse(reference).open(AMD64);
    }
}
