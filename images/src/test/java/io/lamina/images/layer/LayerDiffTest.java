package io.lamina.images.layer;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.erofs.Background;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ImageTree;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oracle.LayerEntry.Body;
import io.lamina.images.oracle.LayerStacks;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayerDiffTest {
    private static final int STACKS = 150;

    @TempDir
    Path scratch;

    @Test
    void baseAndDiffGiveTheUpperTreeOfRandomStacks() throws IOException {
        for (long seed = 1; seed <= STACKS; seed++) {
            List<byte[]> tars =
                    LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS).tars();
            List<byte[]> lower = tars.subList(0, 1 + (int) (seed % tars.size()));
            checkRoundTrip("seed " + seed, lower, tars);
            checkRoundTrip("seed " + seed + " backwards", tars, lower);
        }
    }

    @Test
    void unrelatedTreesTurnIntoEachOther() throws IOException {
        for (long seed = 1; seed <= STACKS; seed++) {
            List<byte[]> one =
                    LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS).tars();
            List<byte[]> other = LayerStacks.generate(seed + 7777, LayerStacks.Judge.OVERLAYFS)
                    .tars();
            checkRoundTrip("seed " + seed, one, other);
        }
    }

    @Test
    void equalTreesDifferInNothing() throws IOException {
        byte[] tar = new TestTar()
                .file("a/b/c", "x")
                .hardLink("a/d", "a/b/c")
                .symlink("l", "a")
                .bytes();
        assertEquals(List.of(), entries(diff(flattened(List.of(tar), "one"), flattened(List.of(tar), "two"))));
    }

    @Test
    void onlyWhatChangedIsWrittenWithTheDirectoriesAboveIt() throws IOException {
        byte[] lower = new TestTar()
                .directory("./")
                .directory("etc")
                .file("etc/same", "s")
                .file("etc/changed", "1")
                .file("etc/gone", "g")
                .directory("usr")
                .file("usr/file", "f")
                .bytes();
        byte[] upper = new TestTar()
                .directory("./")
                .directory("etc")
                .file("etc/same", "s")
                .file("etc/changed", "2")
                .directory("usr")
                .file("usr/file", "f")
                .bytes();
        assertEquals(
                List.of("./", "etc/", "etc/.wh.gone", "etc/changed"),
                entries(diff(flattened(List.of(lower), "one"), flattened(List.of(upper), "two"))));
    }

    @Test
    void linkGroupsThatPartOrJoinAreWrittenWhole() throws IOException {
        TestTar linked = new TestTar().file("a", "x").hardLink("b", "a").hardLink("c", "a");
        TestTar parted = new TestTar().file("a", "x").hardLink("b", "a").file("c", "x");
        checkRoundTrip("parting", List.of(linked.bytes()), List.of(parted.bytes()));
        checkRoundTrip("joining", List.of(parted.bytes()), List.of(linked.bytes()));
        assertEquals(
                List.of("./", "c"),
                entries(diff(flattened(List.of(linked.bytes()), "one"), flattened(List.of(parted.bytes()), "two"))));
    }

    @Test
    void typesTurnIntoEachOther() throws IOException {
        List<TestTar> tars = List.of(
                new TestTar().file("x", "file"),
                new TestTar().file("x/y", "below").file("x/z", "too"),
                new TestTar().symlink("x", "y"),
                new TestTar().entry("x", 0600, new Body.Fifo()),
                new TestTar().directory("x"));
        for (TestTar one : tars) {
            for (TestTar other : tars) {
                checkRoundTrip(
                        tars.indexOf(one) + " to " + tars.indexOf(other), List.of(one.bytes()), List.of(other.bytes()));
            }
        }
    }

    private void checkRoundTrip(String what, List<byte[]> lower, List<byte[]> upper) throws IOException {
        byte[] one = flattened(lower, "one");
        byte[] two = flattened(upper, "two");
        byte[] layer = diff(one, two);
        assertArrayEquals(layer, diff(one, two), what);
        List<byte[]> both = new ArrayList<>(lower);
        both.add(layer);
        assertEquals(lines(two), lines(flattened(both, "both")), what);
    }

    private static byte[] diff(byte[] lower, byte[] upper) throws IOException {
        ByteArrayOutputStream tar = new ByteArrayOutputStream();
        LayerDiff.write(
                ErofsImage.open("lower", ByteBuffer.wrap(lower)),
                ErofsImage.open("upper", ByteBuffer.wrap(upper)),
                tar);
        return tar.toByteArray();
    }

    private static List<String> entries(byte[] tar) throws IOException {
        List<String> paths = new ArrayList<>();
        TarReader reader = new TarReader(
                new TarInput(Channels.newChannel(new ByteArrayInputStream(tar)), Background.inline(), null));
        TarEntry entry;
        while ((entry = reader.next()) != null) {
            paths.add(entry.path().toString());
        }
        return paths;
    }

    private static String lines(byte[] flattened) throws IOException {
        StringBuilder lines = new StringBuilder();
        Map<String, String> tree = ImageTree.read(ErofsImage.open("flat", ByteBuffer.wrap(flattened)));
        tree.forEach((path, line) -> lines.append(path).append(' ').append(line).append('\n'));
        return lines.toString();
    }

    /** The layers, merged, as one image. */
    private byte[] flattened(List<byte[]> tars, String name) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        ByteArrayOutputStream flat = new ByteArrayOutputStream();
        Path fsmeta = scratch.resolve(name + "-fsmeta");
        try (FileChannel out = FileChannel.open(fsmeta, CREATE, WRITE, TRUNCATE_EXISTING)) {
            List<LayerImage> layers = new ArrayList<>();
            for (byte[] tar : tars) {
                Path blob = scratch.resolve(name + "-" + layers.size());
                Files.deleteIfExists(blob);
                Layers.convert(tar, blob);
                open.add(FileChannel.open(blob, READ));
                layers.add(new LayerImage(
                        ErofsImage.open(blob.toString(), open.getLast()), "%064d".formatted(layers.size())));
            }
            Merger.merge(layers, out);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
        flat.write(Files.readAllBytes(fsmeta));
        for (int i = 0; i < tars.size(); i++) {
            flat.write(Files.readAllBytes(scratch.resolve(name + "-" + i)));
        }
        return flat.toByteArray();
    }
}
