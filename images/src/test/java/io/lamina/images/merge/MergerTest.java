package io.lamina.images.merge;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ImageTree;
import io.lamina.images.layer.Layers;
import io.lamina.images.layer.TestTar;
import io.lamina.images.oracle.LayerEntry.Body;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergerTest {
    @TempDir
    Path scratch;

    @Test
    void rootKeepsTheTopmostExplicitMetadata() throws IOException {
        Map<String, String> tree = merged(
                new TestTar().entry("./", 0700, new Body.Directory()),
                new TestTar().withXattr("./", new Body.Directory(), "user.top", "1"),
                new TestTar().file("a", ""));
        assertEquals("DIRECTORY 0755 0:0 7.000000000 links 2 user.top=1", tree.get(""));
    }

    @Test
    void rootThatNoLayerHasIsPlain() throws IOException {
        assertEquals(
                "DIRECTORY 0755 0:0 0.000000000 links 2",
                merged(new TestTar().file("a", "")).get(""));
    }

    @Test
    void impliedDirectoryTakesTheLowerOnesMetadata() throws IOException {
        Map<String, String> tree = merged(
                new TestTar().entry("usr", 0711, new Body.Directory()).file("usr/a", ""),
                new TestTar().file("usr/b", ""),
                new TestTar().file("usr/.wh..wh..opq", "").file("usr/c", ""));
        assertEquals("DIRECTORY 0711 0:0 7.000000000 links 2", tree.get("usr"));
        assertTrue(tree.containsKey("usr/c"));
        assertFalse(tree.containsKey("usr/a"));
        assertFalse(tree.containsKey("usr/b"));
    }

    @Test
    void whiteoutsHideWhatIsBelowAndAreNotEmitted() throws IOException {
        Map<String, String> tree = merged(
                new TestTar().file("a", "").file("d/x", "").file("d/y", ""),
                new TestTar().whiteout("a").whiteout("d").whiteout("never-there"),
                new TestTar().file("d/z", ""));
        assertEquals(List.of("", "d", "d/z"), List.copyOf(tree.keySet()));
    }

    @Test
    void rootLevelOpaqueMarkHidesAllLowerLayers() throws IOException {
        Map<String, String> tree = merged(
                new TestTar().file("a", ""),
                new TestTar().file(".wh..wh..opq", "").file("b", ""));
        assertEquals(List.of("", "b"), List.copyOf(tree.keySet()));
    }

    @Test
    void impliedDirectoryOverALowerSymbolicLinkGoesWhereTheLinkLeads() throws IOException {
        TestTar base = new TestTar()
                .entry("usr/lib", 0711, new Body.Directory())
                .file("usr/lib/ld", "")
                .symlink("lib", "usr/lib")
                .symlink("lib64", "/lib/../lib");
        Map<String, String> tree = merged(
                base, new TestTar().file("lib/x", "").whiteout("lib/ld"), new TestTar().file("lib64/deep/y", ""));
        assertEquals(
                List.of("", "lib", "lib64", "usr", "usr/lib", "usr/lib/deep", "usr/lib/deep/y", "usr/lib/x"),
                List.copyOf(tree.keySet()));
        assertTrue(tree.get("lib").endsWith(" -> usr/lib"), tree.get("lib"));
        assertTrue(tree.get("usr/lib").startsWith("DIRECTORY 0711 "), tree.get("usr/lib"));
    }

    @Test
    void filesStayWhereAFollowedLinkLedWhenALaterLayerTakesTheLinkAway() throws IOException {
        TestTar base = new TestTar().directory("b").symlink("f", "b");
        TestTar through = new TestTar().file("f/x", "");
        for (TestTar top :
                List.of(new TestTar().whiteout("f"), new TestTar().file("f", ""), new TestTar().directory("f"))) {
            Map<String, String> tree = merged(base, through, top);
            assertTrue(tree.containsKey("b/x"), tree.toString());
            assertFalse(tree.containsKey("f/x"), tree.toString());
        }
    }

    @Test
    void explicitDirectoryOverALowerSymbolicLinkReplacesIt() throws IOException {
        Map<String, String> tree = merged(
                new TestTar().file("usr/lib/ld", "").symlink("lib", "usr/lib"),
                new TestTar().directory("lib").file("lib/x", ""));
        assertEquals(List.of("", "lib", "lib/x", "usr", "usr/lib", "usr/lib/ld"), List.copyOf(tree.keySet()));
    }

    @Test
    void impliedDirectoryOverADanglingLinkIsRefused() {
        UnsupportedImageException refusal = assertThrows(
                UnsupportedImageException.class,
                () -> merged(new TestTar().symlink("lib", "nowhere"), new TestTar().file("lib/x", "")));
        assertTrue(refusal.getMessage().contains("layer-1: lib"), refusal.getMessage());
    }

    @Test
    void hardLinksStayTogetherAndCountTheNamesThatAreLeft() throws IOException {
        Map<String, String> tree = merged(
                new TestTar()
                        .file("a", "data")
                        .hardLink("b", "a")
                        .hardLink("c", "a")
                        .hardLink("d", "a"),
                new TestTar().whiteout("b").file("c", "other"));
        assertTrue(tree.get("a").contains("links 2 size 4"), tree.get("a"));
        assertEquals(tree.get("a"), tree.get("d"));
        assertTrue(tree.get("c").contains("links 1 size 5"), tree.get("c"));
    }

    @Test
    void layersStartAtWholeHashBlocksAndFilesReadThroughTheFlattenedDevice() throws IOException {
        List<Path> blobs = new ArrayList<>();
        String large = "L".repeat(700_000);
        blobs.add(blob(0, new TestTar().file("large", large)));
        blobs.add(blob(1, new TestTar().file("small", "s")));
        Path fsmeta = scratch.resolve("fsmeta");
        Fsmeta merged = merge(blobs, fsmeta);
        assertEquals(128, merged.blocks());
        assertEquals(List.of(new MappedLayer(128, 256), new MappedLayer(384, 128)), merged.layers());
        ErofsImage image = ErofsImage.open("flat", ByteBuffer.wrap(flat(fsmeta, blobs)));
        assertEquals("0".repeat(63) + "1", image.devices().get(1).tag());
        Map<String, String> tree = ImageTree.read(image);
        assertTrue(tree.get("large").contains("size 700000"), tree.get("large"));
    }

    @Test
    void fsmetaStaysBelow130BytesForEachInodeAndName() throws IOException {
        TestTar tar = new TestTar();
        for (int i = 0; i < 20_000; i++) {
            tar.file("usr/share/package-" + i / 40 + "/file-" + i + ".txt", "x");
        }
        Path fsmeta = scratch.resolve("fsmeta");
        Fsmeta merged = merge(List.of(blob(0, tar)), fsmeta);
        assertTrue(
                merged.blocks() * 4096 <= merged.inodes() * 130,
                merged.blocks() * 4096 + " bytes for " + merged.inodes());
    }

    @Test
    void aThousandLayersMergeToTheSameBytesTwice() throws IOException {
        List<Path> blobs = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            blobs.add(blob(i, new TestTar().file("dir/own-" + i, "x").file("dir/shared", "y" + i)));
        }
        Path first = scratch.resolve("first");
        Path second = scratch.resolve("second");
        assertEquals(1003, merge(blobs, first).inodes());
        merge(blobs, second);
        assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
    }

    private Map<String, String> merged(TestTar... baseFirst) throws IOException {
        List<Path> blobs = new ArrayList<>();
        for (TestTar tar : baseFirst) {
            blobs.add(blob(blobs.size(), tar));
        }
        Path fsmeta = scratch.resolve("fsmeta");
        merge(blobs, fsmeta);
        return ImageTree.read(ErofsImage.open("flat", ByteBuffer.wrap(flat(fsmeta, blobs))));
    }

    private Path blob(int number, TestTar tar) throws IOException {
        Path blob = scratch.resolve("layer-" + number);
        Layers.convert(tar.bytes(), blob);
        return blob;
    }

    private static Fsmeta merge(List<Path> blobs, Path fsmeta) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try (FileChannel out = FileChannel.open(fsmeta, CREATE, WRITE)) {
            List<LayerImage> layers = new ArrayList<>();
            for (Path blob : blobs) {
                open.add(FileChannel.open(blob, READ));
                layers.add(new LayerImage(
                        ErofsImage.open(blob.getFileName().toString(), open.getLast()),
                        "%064d".formatted(layers.size())));
            }
            return Merger.merge(layers, out);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }

    private static byte[] flat(Path fsmeta, List<Path> blobs) throws IOException {
        ByteArrayOutputStream flat = new ByteArrayOutputStream();
        flat.write(Files.readAllBytes(fsmeta));
        for (Path blob : blobs) {
            flat.write(Files.readAllBytes(blob));
        }
        return flat.toByteArray();
    }
}
