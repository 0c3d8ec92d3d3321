package io.lamina.images.layer;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ImageTree;
import io.lamina.images.oci.Digest;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.TarWriter;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.FileStatus.DeviceNumber;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayerConverterTest {
    @TempDir
    Path scratch;

    @Test
    void blobIsPaddedAndItsLeavesCoverEveryBlock() throws IOException {
        byte[] tar = new TestTar().file("a", "hello").bytes();
        Path blob = scratch.resolve("blob");
        ConvertedLayer layer = Layers.convert(tar, blob);
        byte[] bytes = Files.readAllBytes(blob);
        assertEquals(128, layer.blocks());
        assertEquals(128 * 4096, bytes.length);
        assertEquals(Digest.ofContent(tar), layer.diffId());
        byte[] leaves = new byte[128 * 32];
        new LeafHasher(VerityGeometry.STANDARD).hash(ByteBuffer.wrap(bytes), leaves, 0);
        assertArrayEquals(leaves, Files.readAllBytes(scratch.resolve("blob.leaves")));
        assertEquals(
                128,
                ErofsImage.open("blob", ByteBuffer.wrap(bytes))
                        .superblock()
                        .areas()
                        .blocks());
    }

    @Test
    void leavesOfALayerLargerThanTheBufferCoverEveryBlock() throws IOException {
        TestTar tar = new TestTar();
        for (int i = 0; i < 9000; i++) {
            tar.file("directory-" + i % 7 + "/file-with-a-longish-name-" + i, "x".repeat(i % 600));
        }
        Path blob = scratch.resolve("blob");
        ConvertedLayer layer = Layers.convert(tar.bytes(), blob);
        byte[] bytes = Files.readAllBytes(blob);
        byte[] leaves = new byte[(int) layer.blocks() * 32];
        new LeafHasher(VerityGeometry.STANDARD).hash(ByteBuffer.wrap(bytes), leaves, 0);
        assertArrayEquals(leaves, Files.readAllBytes(scratch.resolve("blob.leaves")));
        assertEquals(9000 + 7 + 1, treeOf(bytes).size());
    }

    private static Map<String, String> treeOf(byte[] blob) throws IOException {
        return ImageTree.read(ErofsImage.open("blob", ByteBuffer.wrap(blob)));
    }

    @Test
    void sameTarGivesSameBytes() throws IOException {
        byte[] tar = new TestTar()
                .withXattr("x", new Body.Directory(), "user.a", "1")
                .withXattr("y", new Body.Directory(), "user.a", "1")
                .file("x/file", "data")
                .bytes();
        assertArrayEquals(Layers.blob(tar, scratch), Layers.blob(tar, scratch));
    }

    @Test
    void missingDirectoriesAreMarkedAsImplied() throws IOException {
        Map<String, String> tree = tree(new TestTar().file("usr/local/x", ""));
        String implied = "DIRECTORY 0755 0:0 0.000000000 links 3 trusted.lamina.implied=";
        assertEquals(implied, tree.get(""));
        assertEquals(implied, tree.get("usr"));
        assertEquals(implied.replace("links 3", "links 2"), tree.get("usr/local"));
    }

    @Test
    void laterEntryOfAnImpliedDirectoryTakesTheMarkAway() throws IOException {
        Map<String, String> tree =
                tree(new TestTar().file("usr/x", "").directory("usr/").directory("./"));
        assertEquals("DIRECTORY 0755 0:0 7.000000000 links 2", tree.get("usr"));
        assertEquals("DIRECTORY 0755 0:0 7.000000000 links 3", tree.get(""));
    }

    @Test
    void whiteoutsBecomeCharacterDevicesAndOpaqueMarksAttributes() throws IOException {
        Map<String, String> tree = tree(new TestTar()
                .directory("./")
                .whiteout("gone")
                .file("dir/.wh..wh..opq", "")
                .file(".wh..wh..opq", ""));
        assertEquals("CHARACTER_DEVICE 0000 0:0 0.000000000 links 1 device 0x0", tree.get("gone"));
        assertTrue(tree.get("dir").contains("trusted.overlay.opaque=y"), tree.get("dir"));
        assertTrue(tree.get("dir").contains("trusted.lamina.implied="), tree.get("dir"));
        assertEquals(
                "DIRECTORY 0755 0:0 7.000000000 links 3 trusted.overlay.opaque=y trusted.overlay.origin=",
                tree.get(""));
    }

    @Test
    void whiteoutOfANameThatTheLayerHasHidesOnlyLowerLayers() throws IOException {
        for (TestTar tar : new TestTar[] {
            new TestTar().whiteout("f").file("f", "new").whiteout("d").file("d/x", ""),
            new TestTar().file("f", "new").file("d/x", "").whiteout("d").whiteout("f")
        }) {
            Map<String, String> tree = tree(tar);
            assertTrue(tree.get("f").startsWith("REGULAR 0644"), tree.get("f"));
            assertEquals("DIRECTORY 0755 0:0 0.000000000 links 2 trusted.overlay.opaque=y", tree.get("d"));
            assertTrue(tree.containsKey("d/x"));
        }
    }

    @Test
    void whiteoutBelowWhatTheLayerMakesAFileOrALinkMeansNothing() throws IOException {
        Map<String, String> tree = tree(new TestTar()
                .directory("./")
                .file("file", "")
                .whiteout("file/x")
                .directory("target")
                .symlink("link", "target")
                .whiteout("link/x")
                .file("link/.wh..wh..opq", "")
                .whiteout("late/x")
                .file("late", ""));
        assertEquals(Set.of("", "file", "target", "link", "late"), tree.keySet());
        assertEquals("DIRECTORY 0755 0:0 7.000000000 links 2", tree.get("target"));
    }

    @Test
    void leftoversOfAufsAreDroppedButLinksIntoThemHold() throws IOException {
        Map<String, String> tree = tree(new TestTar()
                .directory("./")
                .directory(".wh..wh.plnk")
                .file(".wh..wh.plnk/12.34", "shared")
                .file(".wh..wh.aufs", "")
                .hardLink("a", ".wh..wh.plnk/12.34")
                .hardLink("b", ".wh..wh.plnk/12.34"));
        assertEquals(3, tree.size());
        assertTrue(tree.get("a").contains("links 2 size 6"), tree.get("a"));
        assertEquals(tree.get("a"), tree.get("b"));
    }

    @Test
    void laterEntryReplacesAnEarlierOneButADirectoryKeepsItsChildren() throws IOException {
        Map<String, String> tree = tree(new TestTar()
                .file("d/child", "")
                .entry("d", 0700, new Body.Directory())
                .file("f", "one")
                .file("f", "three")
                .directory("was-directory")
                .file("was-directory/child", "")
                .file("was-directory", "now a file"));
        assertTrue(tree.get("d").startsWith("DIRECTORY 0700 "), tree.get("d"));
        assertTrue(tree.containsKey("d/child"));
        assertTrue(tree.get("f").contains("size 5"), tree.get("f"));
        assertTrue(tree.get("was-directory").startsWith("REGULAR"), tree.get("was-directory"));
        assertFalse(tree.containsKey("was-directory/child"));
    }

    @Test
    void pathsCannotLeaveTheRoot() throws IOException {
        Map<String, String> tree = tree(new TestTar()
                .file("/absolute", "")
                .file("../../up", "")
                .file("a/../b", "")
                .symlink("out", "../../..//etc")
                .file("out/passwd", "")
                .symlink("away", "/tmp/../x")
                .file("away/y", ""));
        assertEquals(
                Set.of("", "absolute", "up", "b", "out", "etc", "etc/passwd", "away", "tmp", "x", "x/y"),
                tree.keySet());
    }

    @Test
    void hardLinksShareOneInodeAndCountTheirNames() throws IOException {
        Map<String, String> tree =
                tree(new TestTar().file("a", "data").hardLink("d/b", "a").hardLink("c", "./d//b"));
        assertTrue(tree.get("a").contains("links 3"), tree.get("a"));
        assertEquals(tree.get("a"), tree.get("c"));
    }

    @Test
    void zeroRunsAreHolesAndFilesReadBackWhole() throws IOException {
        String block = "d".repeat(4096);
        String zero = "\0".repeat(4096);
        for (String content : new String[] {
            zero, "\0", zero + zero + "x", block + zero + block, zero.repeat(3) + block.repeat(5) + "\0\0", block + zero
        }) {
            byte[] blob = Layers.blob(new TestTar().file("f", content).bytes(), scratch);
            ErofsImage image = ErofsImage.open("blob", ByteBuffer.wrap(blob));
            var entries = image.entries(image.root());
            assertTrue(entries.next());
            ByteBuffer read = ByteBuffer.allocate(content.length() + 10);
            assertEquals(content.length(), image.read(image.inode(entries.nid()), 0, read));
            assertEquals(content, new String(read.array(), 0, content.length(), ISO_8859_1));
        }
        byte[] allZero =
                Layers.blob(new TestTar().file("f", "\0".repeat(1 << 20)).bytes(), scratch);
        assertEquals(512 << 10, allZero.length);
    }

    @Test
    void overlayAttributesAndOursAreDropped() throws IOException {
        for (String name : new String[] {
            "trusted.overlay.redirect", "user.overlay.opaque", "trusted.lamina.implied", "com.apple.provenance"
        }) {
            Map<String, String> tree = tree(new TestTar().withXattr("d", new Body.Directory(), name, "y"));
            assertEquals("DIRECTORY 0755 0:0 7.000000000 links 2", tree.get("d"), name);
        }
    }

    @Test
    void refusalsNameEntryPathOffsetAndRule() throws IOException {
        assertRefused(new TestTar().hardLink("a", "b/c"), "tar entry 1 (a) at byte 0: hard link to b/c, which is not");
        assertRefused(
                new TestTar().directory("d").hardLink("a", "d"),
                "tar entry 2 (a) at byte 512: hard link to d, which is a directory");
        assertRefused(
                new TestTar().file("f", "").file("f/x", ""), "tar entry 2 (f/x) at byte 512: the path leads through f");
        assertRefused(
                new TestTar().entry("null", 0, new Body.Device(false, new DeviceNumber(0, 0))),
                "tar entry 1 (null) at byte 0: character device 0:0");
        assertRefused(new TestTar().file(".wh.", ""), "tar entry 1 (.wh.) at byte 0: whiteout of no name");
        assertRefused(new TestTar().file(".wh.x/y", ""), "a directory named as a whiteout: .wh.x");
        assertRefused(new TestTar().file(".", ""), "the root of the layer is no directory");
        assertRefused(
                new TestTar().symlink("loop", "loop").file("loop/x", ""), "more than 255 symbolic links on the way");
        assertRefused(new TestTar().file("n".repeat(256), ""), "name of 256 bytes, more than 255");
        assertRefused(new TestTar().whiteout("n".repeat(256)), "name of 260 bytes, more than 259");
        assertTrue(tree(new TestTar().whiteout("n".repeat(255))).containsKey("n".repeat(255)));
    }

    @Test
    void truncatedTarsAreRefusedAtEveryByteThatIsNoBoundaryOfEntries() throws IOException {
        byte[] tar = new TestTar().file("a", "x".repeat(700)).file("b", "y").bytes();
        int[] boundaries = {0, 1536, 2560, 3072, 3584};
        for (int length = 0; length < tar.length; length += 7) {
            byte[] cut = Arrays.copyOf(tar, length);
            if (Arrays.binarySearch(boundaries, length) < 0) {
                assertThrows(CorruptImageException.class, () -> Layers.blob(cut, scratch), "length " + length);
            }
        }
    }

    @Test
    void bytesBehindTheEndOfTheArchiveBelongToTheDiffId() throws IOException {
        byte[] tar = new TarWriter()
                .raw(new TestTar().file("a", "x").bytes())
                .raw(new byte[10_000])
                .end();
        assertEquals(
                Digest.ofContent(tar),
                Layers.convert(tar, scratch.resolve("blob")).diffId());
    }

    private Map<String, String> tree(TestTar tar) throws IOException {
        return Layers.tree(tar.bytes(), scratch);
    }

    private void assertRefused(TestTar tar, String message) {
        CorruptImageException refusal =
                assertThrows(CorruptImageException.class, () -> Layers.blob(tar.bytes(), scratch));
        assertTrue(refusal.getMessage().contains(message), refusal.getMessage());
    }
}
