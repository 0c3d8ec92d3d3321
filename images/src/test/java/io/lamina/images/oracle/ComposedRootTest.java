package io.lamina.images.oracle;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.oracle.LayerStacks.Judge;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import io.lamina.linux.testing.Machine;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * For random stacks of layers, the root composed of hashes that were made at conversion is the one that veritysetup makes of
 * the whole flattened file. {@code -Dlamina.stacks.seed=N} starts at another seed.
 */
final class ComposedRootTest {
    private static final int STACKS = 40;
    private static final long FIRST_SEED = Long.getLong("lamina.stacks.seed", 1);
    private static final VerityGeometry GEOMETRY = VerityGeometry.STANDARD;

    private static final StandardOpenOption[] FRESH = {
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE
    };

    @TempDir
    private Path directory;

    @Test
    void theComposedRootIsThatOfVeritysetupOverTheFlattenedFile() throws Exception {
        Machine.needsProgram("veritysetup");
        for (long seed = FIRST_SEED; seed < FIRST_SEED + STACKS; seed++) {
            FlattenedDevice device =
                    flatten(LayerStacks.generate(seed, Judge.OVERLAYFS).tars());
            Path raw = directory.resolve("raw");
            try (FileChannel channel = FileChannel.open(raw, FRESH)) {
                device.writeRaw(channel);
                channel.truncate(device.dataBlocks() * GEOMETRY.dataBlockSizeBytes());
            }
            assertEquals(rootOf(raw), device.rootHash().hex(), "seed " + seed + "\n" + device.list());
        }
    }

    private FlattenedDevice flatten(List<byte[]> tars) throws IOException {
        List<DevicePart> parts = new ArrayList<>();
        List<FileChannel> open = new ArrayList<>();
        List<LayerImage> layers = new ArrayList<>();
        Path fsmeta = directory.resolve("fsmeta");
        try (FileChannel merged = FileChannel.open(fsmeta, FRESH)) {
            for (byte[] tar : tars) {
                Path blob = directory.resolve("layer" + layers.size());
                Path leaves = directory.resolve("leaves" + layers.size());
                FileChannel out = FileChannel.open(blob, FRESH);
                open.add(out);
                try (FileChannel hashes = FileChannel.open(leaves, FRESH)) {
                    var diffId = LayerConverter.convert(new ByteArrayInputStream(tar), out, hashes)
                            .diffId();
                    layers.add(LayerImage.of(ErofsImage.open(blob.toString(), out), diffId));
                    parts.add(new DevicePart(
                            blob.toString(),
                            new Extent.FileExtent(0, out.size(), blob, 0),
                            new Extent.FileExtent(0, hashes.size(), leaves, 0),
                            PartHashes.ofLeaves(GEOMETRY, hashes.position(0))));
                }
            }
            Merger.merge(layers, merged);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
        parts.addFirst(DevicePart.hashing("fsmeta", new Extent.FileExtent(0, Files.size(fsmeta), fsmeta, 0), GEOMETRY));
        return FlattenedDevice.compose(parts);
    }

    private String rootOf(Path data) throws IOException, InterruptedException {
        Process format = new ProcessBuilder(
                        "veritysetup",
                        "format",
                        "--no-superblock",
                        "--hash=sha256",
                        "--format=1",
                        "--salt=" + "00".repeat(VerityGeometry.SALT_BYTES),
                        data.toString(),
                        directory.resolve("tree").toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(format.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, format.waitFor(), said);
        return said.lines()
                .filter(line -> line.startsWith("Root hash:"))
                .map(line -> line.substring("Root hash:".length()).strip())
                .findFirst()
                .orElseThrow();
    }
}
