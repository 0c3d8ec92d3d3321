package io.lamina.images.layer;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.CorruptImageException;
import io.lamina.images.erofs.Mutations;
import io.lamina.images.oracle.LayerStacks;
import io.lamina.images.oracle.TarWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LayerExporterTest {
    @TempDir
    Path scratch;

    @Test
    void randomLayersComeBackByteForByte() throws IOException {
        for (long seed = 1; seed <= 100; seed++) {
            for (byte[] tar :
                    LayerStacks.generate(seed, LayerStacks.Judge.OVERLAYFS).tars()) {
                assertArrayEquals(tar, roundTrip(tar), "seed " + seed);
            }
        }
    }

    @Test
    void shadowedDataHolesAndBytesBehindTheEndComeBack() throws IOException {
        byte[] tar = new TarWriter()
                .raw(new TestTar()
                        .file("twice", "first")
                        .file("twice", "second")
                        .file("holes", "\0".repeat(9000) + "x" + "\0".repeat(70_000))
                        .file("tail", "x" + "\0".repeat(5000))
                        .whiteout("gone")
                        .bytes())
                .raw("junk behind the end".getBytes(US_ASCII))
                .end();
        assertArrayEquals(tar, roundTrip(tar));
    }

    @Test
    void recipeIsSmall() throws IOException {
        TestTar tar = new TestTar();
        for (int i = 0; i < 2000; i++) {
            tar.file("usr/share/file-" + i, "content " + i);
        }
        roundTrip(tar.bytes());
        assertTrue(Files.size(scratch.resolve("recipe")) < tar.bytes().length / 20);
    }

    @Test
    void blobOfAnotherLayerIsRefused() throws IOException {
        roundTrip(new TestTar().file("a", "one").bytes());
        Layers.convert(new TestTar().file("a", "two").bytes(), scratch.resolve("blob"));
        try (FileChannel blob = FileChannel.open(scratch.resolve("blob"), READ);
                FileChannel recipe = FileChannel.open(scratch.resolve("recipe"), READ)) {
            assertThrows(
                    CorruptImageException.class,
                    () -> LayerExporter.export(blob, recipe, OutputStream.nullOutputStream()));
        }
    }

    @Test
    void brokenRecipesAreRefused() throws IOException {
        roundTrip(new TestTar().file("a", "x".repeat(5000)).directory("b").bytes());
        byte[] bytes = Files.readAllBytes(scratch.resolve("recipe"));
        try (FileChannel blob = FileChannel.open(scratch.resolve("blob"), READ);
                FileChannel recipe = FileChannel.open(scratch.resolve("broken"), CREATE, READ, WRITE)) {
            for (int seed = 0; seed < 5000; seed++) {
                byte[] broken = Mutations.mutate(bytes, 0, bytes.length, new SplittableRandom(seed));
                recipe.truncate(0);
                recipe.write(ByteBuffer.wrap(broken), 0);
                Mutations.survives(
                        "seed " + seed,
                        broken,
                        _ -> LayerExporter.export(blob, recipe, OutputStream.nullOutputStream()));
            }
        }
    }

    private byte[] roundTrip(byte[] tar) throws IOException {
        ByteArrayOutputStream exported = new ByteArrayOutputStream();
        try (FileChannel blob = FileChannel.open(scratch.resolve("blob"), CREATE, READ, WRITE);
                FileChannel leaves = FileChannel.open(scratch.resolve("leaves"), CREATE, WRITE);
                FileChannel recipe = FileChannel.open(scratch.resolve("recipe"), CREATE, READ, WRITE)) {
            ConvertedLayer layer = LayerConverter.convert(new ByteArrayInputStream(tar), blob, leaves, recipe);
            assertEquals(layer.diffId(), LayerExporter.export(blob, recipe, exported));
        }
        return exported.toByteArray();
    }
}
