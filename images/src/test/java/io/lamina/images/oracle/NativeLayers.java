package io.lamina.images.oracle;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.layer.LayerTranscoder;
import io.lamina.images.merge.MergeObstacle;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.PrivateMounts;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Stacks whose layers mkfs.erofs has made: of the tree that our blob of the layer shows when it is mounted. */
final class NativeLayers {
    /** What each layer is made with; the empty one is the default, and null our own blob. */
    private static final List<List<String>> FORMS = Stream.of(
                    "OURS",
                    "-zlz4",
                    "",
                    "-zlz4hc -C65536",
                    "-zlz4 -Eztailpacking",
                    "--chunksize=4096",
                    "-zlz4hc -C16384 -Elegacy-compress",
                    "-zlz4 -C65536 -Efragments,dedupe",
                    "-zlz4 -x1")
            .map(options -> List.of(options.split(" ")))
            .toList();

    private final PrivateMounts mounts;
    private final Path files;
    private final Path mountPoint;
    private int made;
    private int kept;

    NativeLayers(PrivateMounts mounts, Path files, Path mountPoint) {
        this.mounts = mounts;
        this.files = files;
        this.mountPoint = mountPoint;
    }

    /** Layers that mkfs.erofs has made for each that it could not make. */
    int madeForEachKept() {
        return made / Math.max(1, kept);
    }

    FlattenedStack build(LayerStack stack) throws IOException {
        List<Path> blobs = new ArrayList<>();
        List<Digest> diffIds = new ArrayList<>();
        for (byte[] tar : stack.tars()) {
            Path own = files.resolve("layer" + blobs.size());
            try (FileChannel out = fresh(own);
                    FileChannel leaves = fresh(files.resolve("leaves"))) {
                diffIds.add(LayerConverter.convert(new ByteArrayInputStream(tar), out, leaves)
                        .diffId());
            }
            List<String> form = FORMS.get((int) ((stack.seed() + blobs.size()) % FORMS.size()));
            blobs.add(form.equals(List.of("OURS")) ? own : mergeable(remade(own, form)));
        }
        return FlattenedStack.ofBlobs(blobs, diffIds, files);
    }

    private Path remade(Path own, List<String> options) throws IOException {
        Path image = own.resolveSibling(own.getFileName() + ".native");
        Files.deleteIfExists(image);
        List<String> command = new ArrayList<>(List.of("mkfs.erofs", "--quiet"));
        options.stream().filter(option -> !option.isEmpty()).forEach(command::add);
        command.add(image.toString());
        try (MountedErofs mounted = new MountedErofs(mounts, own, mountPoint)) {
            command.add(mounted.root().toString());
            Command.run(command);
            made++;
        } catch (IOException failure) {
            // What mkfs.erofs 1.5 says of files whose names are as long as names can be.
            if (!String.valueOf(failure.getMessage()).contains("No such file or directory")) {
                throw failure;
            }
            kept++;
            return own;
        }
        Files.delete(own);
        return image;
    }

    private Path mergeable(Path blob) throws IOException {
        try (FileChannel source = FileChannel.open(blob, READ)) {
            ErofsImage image = ErofsImage.open(blob.getFileName().toString(), source);
            if (MergeObstacle.of(image) == null) {
                return blob;
            }
            Path copy = blob.resolveSibling(blob.getFileName() + ".copy");
            try (FileChannel out = fresh(copy);
                    FileChannel leaves = fresh(files.resolve("leaves"));
                    FileChannel recipe = fresh(files.resolve("recipe"))) {
                LayerTranscoder.transcode(image, out, leaves, recipe);
            }
            Files.delete(blob);
            return copy;
        }
    }

    private static FileChannel fresh(Path file) throws IOException {
        return FileChannel.open(file, CREATE, TRUNCATE_EXISTING, READ, WRITE);
    }
}
