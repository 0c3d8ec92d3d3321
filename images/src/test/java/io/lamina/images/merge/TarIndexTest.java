package io.lamina.images.merge;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ImageTree;
import io.lamina.images.layer.IndexedLayer;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.layer.Layers;
import io.lamina.images.layer.TestTar;
import io.lamina.images.oracle.LayerStacks;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tar-index says the same as the plain blob of the tar, alone and merged. */
class TarIndexTest {
    @TempDir
    Path scratch;

    @Test
    void indexWithItsTarBehindIsTheSameTreeAsThePlainBlob() throws IOException {
        int compared = 0;
        for (long seed = 1; compared < 100; seed++) {
            for (byte[] tar :
                    LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS).tars()) {
                Path index = scratch.resolve("index");
                try {
                    index(tar, index);
                } catch (UnsupportedImageException unaligned) {
                    assertTrue(unaligned.getMessage().contains("sparse"), unaligned.getMessage());
                    continue;
                }
                assertEquals(Layers.tree(tar, scratch), tree(concatenated(index, List.of(tar))), "seed " + seed);
                compared++;
            }
        }
    }

    @Test
    void indexesMergeWithBlocksOf512Bytes() throws IOException {
        byte[] base = new TestTar()
                .file("d/large", "L".repeat(900_001))
                .file("d/gone", "x")
                .bytes();
        byte[] top = new TestTar().whiteout("d/gone").file("small", "s").bytes();
        List<Path> indexes = new ArrayList<>();
        for (byte[] tar : List.of(base, top)) {
            Path index = scratch.resolve("index-" + indexes.size());
            IndexedLayer layer = index(tar, index);
            assertEquals(tar.length, layer.tarBlocks() * 512);
            indexes.add(index);
        }
        Path fsmeta = scratch.resolve("fsmeta");
        Fsmeta merged = merge(indexes, fsmeta);
        assertEquals(512, merged.blockSizeBytes());
        assertEquals(1024 + 2048, merged.layers().get(1).uniaddrBlock());
        Map<String, String> tree = tree(concatenated(fsmeta, List.of(base, top)));
        assertEquals(List.of("", "d", "d/large", "small"), List.copyOf(tree.keySet()));
        assertEquals(Layers.tree(base, scratch).get("d/large"), tree.get("d/large"));
    }

    @Test
    void blocksOfDifferentSizesAreRefused() throws IOException {
        byte[] tar = new TestTar().file("a", "x").bytes();
        Path index = scratch.resolve("index");
        index(tar, index);
        Path blob = scratch.resolve("blob");
        Layers.convert(tar, blob);
        assertThrows(UnsupportedImageException.class, () -> merge(List.of(blob, index), scratch.resolve("fsmeta")));
    }

    @Test
    void sameTarGivesTheSameIndex() throws IOException {
        byte[] tar = new TestTar().file("a", "x").directory("b").bytes();
        index(tar, scratch.resolve("first"));
        index(tar, scratch.resolve("second"));
        assertArrayEquals(Files.readAllBytes(scratch.resolve("first")), Files.readAllBytes(scratch.resolve("second")));
    }

    private static IndexedLayer index(byte[] tar, Path index) throws IOException {
        try (FileChannel out = FileChannel.open(index, CREATE, WRITE)) {
            return LayerConverter.index(new ByteArrayInputStream(tar), out);
        }
    }

    private static Fsmeta merge(List<Path> baseFirst, Path fsmeta) throws IOException {
        List<LayerImage> layers = new ArrayList<>();
        for (Path path : baseFirst) {
            layers.add(new LayerImage(
                    ErofsImage.open(path.toString(), ByteBuffer.wrap(Files.readAllBytes(path))), "layer"));
        }
        try (FileChannel out = FileChannel.open(fsmeta, CREATE, READ, WRITE)) {
            return Merger.merge(layers, out);
        }
    }

    private static byte[] concatenated(Path metadata, List<byte[]> tars) throws IOException {
        ByteArrayOutputStream flat = new ByteArrayOutputStream();
        flat.write(Files.readAllBytes(metadata));
        for (byte[] tar : tars) {
            flat.write(Arrays.copyOf(tar, (tar.length + (512 << 10) - 1) & -(512 << 10)));
        }
        return flat.toByteArray();
    }

    private static Map<String, String> tree(byte[] image) throws IOException {
        return ImageTree.read(ErofsImage.open("image", ByteBuffer.wrap(image)));
    }
}
