package io.lamina.host.cli;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.erofs.Inode;
import io.lamina.images.merge.PathHistory;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina explain}. */
@Command(
        name = "explain",
        description = {
            "Tells which layer of an image gave a file, and what each other layer has done to it.",
            "",
            "Layers are told from the uppermost down, numbered from the base, which is 1."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina explain debian:12 /etc/os-release", "  lamina explain oci:build/layout:latest etc --json"})
final class ExplainCommand implements Callable<Integer> {
    @Mixin
    private ImageArgument image = new ImageArgument();

    @Parameters(index = "1", paramLabel = "PATH", description = "From the image's root; links are not followed.")
    private String path = "";

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        try (FlattenedImage flattened = image.flatten()) {
            List<PathHistory.Event> events = history(flattened.layers());
            if (events.isEmpty()) {
                throw new NoSuchFileException(path + " (in no layer of the image)");
            }
            List<Object> all = new ArrayList<>();
            List<String> lines = new ArrayList<>();
            for (PathHistory.Event event : events) {
                String diffId = flattened.layers().get(event.layer()).diffId().toString();
                Map<String, Object> members = new TreeMap<>();
                members.put("layer", event.layer() + 1);
                members.put("diffId", diffId);
                members.put("does", event.kind().name().toLowerCase(Locale.ROOT));
                Inode inode = event.inode();
                String what = "";
                if (inode != null) {
                    what = inode.type().name().toLowerCase(Locale.ROOT).replace('_', ' ');
                    members.put("type", what);
                    members.put("bytes", inode.data().sizeBytes());
                    what = ": " + what
                            + (inode.type() == io.lamina.images.erofs.FileType.REGULAR
                                    ? " of " + inode.data().sizeBytes() + " bytes"
                                    : "");
                }
                all.add(members);
                lines.add("layer " + (event.layer() + 1) + "  " + diffId.substring(0, 19) + "  " + words(event.kind())
                        + what);
            }
            form.print(new Answer()
                    .withHidden("path", path)
                    .withHidden("layers", all)
                    .withLines(lines));
            return 0;
        }
    }

    private List<PathHistory.Event> history(List<StoredBlob> layers) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try {
            List<ErofsImage> images = new ArrayList<>();
            for (StoredBlob blob : layers) {
                FileChannel channel = FileChannel.open(blob.blob(), READ);
                open.add(channel);
                images.add(ErofsImage.open("layer " + blob.diffId(), channel));
            }
            return PathHistory.of(images, path);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }

    private static String words(PathHistory.Kind kind) {
        return switch (kind) {
            case SEEN -> "gave it";
            case JOINS -> "has the directory too; its entries join";
            case IMPLIED -> "needs the directory and does not list it; its entries join";
            case HIDDEN -> "has it too, hidden by a layer above";
            case REMOVES -> "removes it (whiteout)";
            case REPLACES -> "has something else where a directory above it was";
            case OPAQUE -> "hides what lower layers have there (opaque directory)";
        };
    }
}
