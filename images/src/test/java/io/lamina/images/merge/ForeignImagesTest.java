package io.lamina.images.merge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ImageTree;
import io.lamina.images.erofs.Mutations;
import io.lamina.images.layer.Layers;
import io.lamina.images.layer.TestTar;
import io.lamina.linux.testing.Machine;
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
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images of mkfs.erofs with inline tails, plain blocks or chunks are read, and merged as they are. */
class ForeignImagesTest {
    private static final int PADDING = 512 << 10;

    @TempDir
    Path scratch;

    private final Map<String, String> expected = new TreeMap<>();

    @BeforeEach
    void makeATree() throws IOException {
        Machine.needsProgram("mkfs.erofs");
        Path tree = Files.createDirectory(scratch.resolve("tree"));
        SplittableRandom random = new SplittableRandom(1);
        for (int size : new int[] {0, 1, 63, 4000, 4032, 4050, 4095, 4096, 4097, 8191, 12288, 16500, 300_000}) {
            byte[] content = new byte[size];
            random.nextBytes(content);
            Files.write(tree.resolve("file-" + size), content);
            expected.put("file-" + size, " size " + size + " ");
        }
        Files.createSymbolicLink(tree.resolve("short"), Path.of("file-1"));
        Files.createSymbolicLink(tree.resolve("long"), Path.of("x/".repeat(1500)));
        Files.createLink(tree.resolve("again"), tree.resolve("file-4097"));
        Path many = Files.createDirectory(tree.resolve("many"));
        for (int i = 0; i < 700; i++) {
            Files.writeString(many.resolve("entry-with-some-length-" + i), "small " + i);
        }
    }

    @Test
    void inlineTailsAreCarriedIntoFsmeta() throws IOException, InterruptedException {
        mergesAsItIs(mkfs());
    }

    @Test
    void plainFilesAreOneChunk() throws IOException, InterruptedException {
        mergesAsItIs(mkfs("-Enoinline_data"));
    }

    @Test
    void extendedInodesAreRead() throws IOException, InterruptedException {
        mergesAsItIs(mkfs("-Eforce-inode-extended", "--preserve-mtime"));
    }

    @Test
    void chunksAreCopied() throws IOException, InterruptedException {
        mergesAsItIs(mkfs("--chunksize=8192"));
    }

    @Test
    void brokenInlineImagesAreMergedOrRefused() throws IOException, InterruptedException {
        byte[] image = mkfs();
        try (FileChannel fsmeta = FileChannel.open(scratch.resolve("fsmeta"), CREATE, WRITE)) {
            for (int seed = 0; seed < 3000; seed++) {
                byte[] broken = Mutations.mutate(image, 1024 + 128, image.length, new SplittableRandom(seed));
                broken[1024 + 8] &= (byte) ~1; // no checksum, which would refuse what is meant to be found
                Mutations.survives("seed " + seed, broken, bytes -> {
                    ErofsImage opened = ErofsImage.open("broken", ByteBuffer.wrap(bytes));
                    ImageTree.read(opened);
                    Merger.merge(List.of(new LayerImage(opened, "broken")), fsmeta);
                });
            }
        }
    }

    @Test
    void compressedFilesReadAsUncompressedOnes() throws IOException, InterruptedException {
        SplittableRandom random = new SplittableRandom(2);
        StringBuilder text = new StringBuilder();
        while (text.length() < 900_000) {
            text.append("word ").append(random.nextInt(random.nextInt(1, 5000))).append('\n');
            if (random.nextInt(3000) == 0) {
                byte[] noise = new byte[20_000];
                random.nextBytes(noise);
                text.append(new String(noise, ISO_8859_1));
            }
        }
        for (int size : new int[] {4100, 20_000, 900_000}) {
            Files.writeString(scratch.resolve("tree/text-" + size), text.substring(0, size), ISO_8859_1);
        }
        byte[] plain = mkfs("-T0");
        Map<String, String> uncompressed = ImageTree.read(ErofsImage.open("plain", ByteBuffer.wrap(plain)));
        for (String options : new String[] {
            "-zlz4",
            "-zlz4 -Elegacy-compress",
            "-zlz4hc -C65536",
            "-zlz4hc -C65536 -Elegacy-compress",
            "-zlz4hc -C16384"
        }) {
            byte[] image = mkfs(("-T0 " + options).split(" "));
            assertTrue(image.length < plain.length, options);
            assertEquals(uncompressed, ImageTree.read(ErofsImage.open("compressed", ByteBuffer.wrap(image))), options);
            for (int seed = 0; seed < 500; seed++) {
                byte[] broken = Mutations.mutate(image, 1024 + 128, image.length, new SplittableRandom(seed));
                broken[1024 + 8] &= (byte) ~1;
                Mutations.survives(
                        options + " seed " + seed,
                        broken,
                        bytes -> ImageTree.read(ErofsImage.open("broken", ByteBuffer.wrap(bytes))));
            }
        }
    }

    private void mergesAsItIs(byte[] foreign) throws IOException {
        Map<String, String> alone = ImageTree.read(ErofsImage.open("foreign", ByteBuffer.wrap(foreign)));
        expected.forEach((path, part) -> assertTrue(alone.get(path).contains(part), () -> path + alone.get(path)));
        byte[] own = Layers.blob(new TestTar().file("own", "o").bytes(), scratch);
        Map<String, String> merged = ImageTree.read(ErofsImage.open("flat", ByteBuffer.wrap(flat(foreign, own))));
        assertTrue(merged.remove("own").contains("size 1"));
        assertEquals(alone, merged);
    }

    private byte[] flat(byte[]... baseFirst) throws IOException {
        Path fsmeta = scratch.resolve("fsmeta");
        ByteArrayOutputStream flat = new ByteArrayOutputStream();
        try (FileChannel out = FileChannel.open(fsmeta, CREATE, READ, WRITE)) {
            List<LayerImage> layers = List.of(
                    new LayerImage(ErofsImage.open("layer 1", ByteBuffer.wrap(baseFirst[0])), "1"),
                    new LayerImage(ErofsImage.open("layer 2", ByteBuffer.wrap(baseFirst[1])), "2"));
            Merger.merge(layers, out);
        }
        flat.write(Files.readAllBytes(fsmeta));
        for (byte[] layer : baseFirst) {
            flat.write(Arrays.copyOf(layer, (layer.length + PADDING - 1) & -PADDING));
        }
        return flat.toByteArray();
    }

    private byte[] mkfs(String... options) throws IOException, InterruptedException {
        Path image = scratch.resolve("foreign.erofs");
        List<String> command = new ArrayList<>(List.of("mkfs.erofs"));
        command.addAll(List.of(options));
        command.addAll(List.of(image.toString(), scratch.resolve("tree").toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), ISO_8859_1);
        assertEquals(0, process.waitFor(), output);
        return Files.readAllBytes(image);
    }
}
