package io.lamina.images.oracle;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.ForeignVectors;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.layer.LayerTranscoder;
import io.lamina.images.layer.TestTar;
import io.lamina.images.merge.MergeObstacle;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Layers in every form of mkfs.erofs, merged, are to the kernel what overlayfs over their own mounts is. */
final class ForeignVectorsMergeTest {
    @TempDir
    Path directory;

    @BeforeEach
    void needs() {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsFileSystem("overlay");
        Machine.need(
                Runtime.Version.parse(System.getProperty("os.version").replaceFirst("[^0-9.].*", ""))
                                .compareTo(Runtime.Version.parse("6.17"))
                        >= 0,
                "Linux 6.17, for images with 48-bit addresses and with compressed metadata");
    }

    @Test
    void compressedLayersMergeWithoutACopy() throws Exception {
        int merged = 0;
        for (String form : ForeignVectors.FORMS) {
            Path layer = Files.write(directory.resolve(form), ForeignVectors.read(form));
            if (obstacle(layer) == null) {
                // Blocks of 512 bytes go with their like only.
                judge(form, form.endsWith("-512") ? List.of(layer) : List.of(layer, ours()));
                merged++;
            }
        }
        assertEquals(10, merged);
    }

    /** All algorithms in one image, each layer's files hidden in part by the next one's. */
    @Test
    void layersOfAllAlgorithmsMergeWithEachOther() throws Exception {
        List<Path> layers = new ArrayList<>();
        for (String form : List.of("lz4-full-index", "deflate", "lzma-large-extents", "zstd-large-extents")) {
            layers.add(Files.write(directory.resolve(form), ForeignVectors.read(form)));
            layers.add(ours());
        }
        judge("all algorithms", layers);
        judge("all algorithms", layers.reversed());
    }

    @Test
    void whatCannotBePointedToIsMergedAsACopy() throws Exception {
        int copied = 0;
        for (String form : ForeignVectors.FORMS) {
            Path layer = Files.write(directory.resolve(form), ForeignVectors.read(form));
            if (obstacle(layer) == null) {
                continue;
            }
            Path copy = directory.resolve(form + ".copy");
            try (FileChannel source = FileChannel.open(layer, READ);
                    FileChannel out = FileChannel.open(copy, CREATE, READ, WRITE);
                    FileChannel leaves = FileChannel.open(directory.resolve("leaves"), CREATE, READ, WRITE);
                    FileChannel recipe = FileChannel.open(directory.resolve("recipe"), CREATE, READ, WRITE)) {
                LayerTranscoder.transcode(ErofsImage.open(form, source), out, leaves, recipe);
            }
            assertSame(form, List.of(layer), copy);
            judge(form, List.of(copy, ours()));
            copied++;
        }
        assertEquals(12, copied);
    }

    private static Digest id(String name) {
        return Digest.ofContent(name.getBytes(UTF_8));
    }

    private static String obstacle(Path layer) throws IOException {
        try (FileChannel file = FileChannel.open(layer, READ)) {
            return MergeObstacle.of(ErofsImage.open(layer.toString(), file));
        }
    }

    private Path ours() throws IOException {
        Path blob = Files.createTempFile(directory, "ours", ".erofs");
        byte[] tar = new TestTar()
                .file("d/first", "replaced")
                .whiteout("noise")
                .file("new/file", "n".repeat(9000))
                .bytes();
        try (FileChannel out = FileChannel.open(blob, READ, WRITE);
                FileChannel leaves = FileChannel.open(directory.resolve("leaves"), CREATE, READ, WRITE)) {
            LayerConverter.convert(new ByteArrayInputStream(tar), out, leaves);
        }
        return blob;
    }

    private void judge(String what, List<Path> baseFirst) throws Exception {
        List<Digest> ids = baseFirst.stream().map(path -> id(path.toString())).toList();
        FlattenedStack stack = FlattenedStack.ofBlobs(baseFirst, ids, directory);
        assertSame(what, baseFirst, stack.device());
    }

    private void assertSame(String what, List<Path> baseFirst, Path device) throws Exception {
        PrivateMounts.run(mounts -> {
            Path points = Files.createDirectories(directory.resolve("m"));
            TreeListing flat;
            try (MountedErofs mounted = new MountedErofs(mounts, device, points.resolve("f"))) {
                flat = TreeListing.of(mounted.root());
            }
            TreeListing expected;
            if (baseFirst.size() == 1) {
                try (MountedErofs mounted = new MountedErofs(mounts, baseFirst.getFirst(), points.resolve("one"))) {
                    expected = TreeListing.of(mounted.root());
                }
            } else {
                try (OverlayMount overlay = new OverlayMount(mounts, baseFirst, points)) {
                    expected = TreeListing.of(overlay.root());
                }
            }
            assertTrue(flat.entries().size() > 20, what);
            assertEquals(
                    List.of(),
                    expected.differences(
                            flat,
                            10,
                            Exemption.directorySizes(),
                            Exemption.overlayLinkCounts(),
                            Exemption.impliedForOverlayfs(Set.of("", "d", "new"))),
                    what);
        });
    }
}
