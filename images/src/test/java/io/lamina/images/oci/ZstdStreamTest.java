package io.lamina.images.oci;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.Zstd;
import io.lamina.images.CorruptImageException;
import io.lamina.images.testing.Mutations;
import io.lamina.images.testing.Programs;
import io.lamina.linux.testing.Machine;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ZstdStreamTest {
    private static final byte[] CONTENT =
            "some content some content, ".repeat(40).getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path directory;

    @Test
    void whatZstdWroteIsRead() throws Exception {
        Machine.needsProgram("zstd");
        byte[] content = new byte[1_000_000];
        new Random(3).nextBytes(content);
        Arrays.fill(content, 200_000, 700_000, (byte) 'x');
        Path file = Files.write(directory.resolve("content"), content);
        for (String option : List.of("-1", "--long=27", "--no-check")) {
            Programs.run("zstd", "-q", "-f", option, file.toString());
            assertArrayEquals(content, unpack(Files.readAllBytes(directory.resolve("content.zst"))));
        }
    }

    @Test
    void allFramesAreRead() throws Exception {
        byte[] packed = Zstd.compress(CONTENT);
        ByteArrayOutputStream both = new ByteArrayOutputStream();
        both.write(packed);
        both.write(packed);
        assertEquals(2 * CONTENT.length, unpack(both.toByteArray()).length);
    }

    @Test
    void aLayerStoredAsZstdIsRead() throws Exception {
        byte[] tar = TestLayout.tar("file", "content");
        TestLayout layout = new TestLayout(directory.resolve("layout"));
        layout.tag("gzip", layout.image("amd64", tar));
        ImageReference reference = ImageReference.parse("oci:" + layout.root() + ":gzip");
        Map<String, Object> config = layout.blob(
                MediaType.OCI_CONFIG, reference.open(Platform.ofThisMachine()).configBytes());
        layout.tag("zstd", layout.manifest(config, List.of(layout.blob(MediaType.OCI_LAYER_ZSTD, Zstd.compress(tar)))));
        StoredImage image =
                ImageReference.parse("oci:" + layout.root() + ":zstd").open();
        try (InputStream stream = LayerStream.uncompressed(image.layers().getFirst())) {
            assertArrayEquals(tar, stream.readAllBytes());
        }
    }

    @Test
    void everyTruncationAndWhatFollowsIsRefused() {
        byte[] packed = Zstd.compress(CONTENT);
        for (int length = 1; length < packed.length; length++) {
            byte[] cut = Arrays.copyOf(packed, length);
            assertThrows(CorruptImageException.class, () -> unpack(cut), "length " + length);
        }
        byte[] longer = Arrays.copyOf(packed, packed.length + 5);
        assertThrows(CorruptImageException.class, () -> unpack(longer));
    }

    @Test
    void aWindowBeyondTheLimitIsRefused() throws Exception {
        Machine.needsProgram("zstd");
        Path file = Files.write(directory.resolve("content"), CONTENT);
        Path packed = directory.resolve("huge.zst");
        Programs.run("sh", "-c", "cat '" + file + "' | zstd -q --ultra --long=30 > '" + packed + "'");
        assertThrows(CorruptImageException.class, () -> unpack(Files.readAllBytes(packed)));
    }

    @Test
    void aFailureToReadIsNoDamage() {
        InputStream failing = new FilterInputStream(new ByteArrayInputStream(new byte[0])) {
            @Override
            public int read(byte[] buffer, int offset, int length) throws IOException {
                throw new IOException("the disk is gone");
            }
        };
        IOException failure = assertThrows(IOException.class, () -> new ZstdStream("zstd", failing).readAllBytes());
        assertEquals("the disk is gone", failure.getMessage());
    }

    @Test
    void mutatedStreamsAreRefusedOrRead() {
        byte[] packed = Zstd.compress(CONTENT);
        long seed = 0x25d;
        Random random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < 20_000; round++) {
            try {
                unpack(Mutations.mutate(packed, random));
            } catch (CorruptImageException refusal) {
                refused++;
            } catch (IOException | RuntimeException | Error escaped) {
                throw new AssertionError("seed " + seed + " round " + round, escaped);
            }
        }
        assertTrue(refused > 10_000, refused + " refused");
    }

    private static byte[] unpack(byte[] packed) throws IOException {
        try (ZstdStream stream = new ZstdStream("zstd", new ByteArrayInputStream(packed))) {
            return stream.readNBytes(10 << 20);
        }
    }
}
