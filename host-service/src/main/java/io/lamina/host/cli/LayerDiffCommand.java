package io.lamina.host.cli;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerDiff;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina layer diff}. */
@Command(
        name = "diff",
        description = {
            "Writes the OCI layer that turns one tree into another: what is new or changed in UPPER, and whiteouts for what is "
                    + "gone.",
            "",
            "LOWER and UPPER are EROFS images that are complete by themselves: a layer blob, or a whole image that 'device "
                    + "flatten --raw' wrote. The same trees give the same tar."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina layer diff -o layer.tar before after"})
final class LayerDiffCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "LOWER", description = "The tree that the layer will lie on.")
    private Path lower = Path.of("");

    @Parameters(index = "1", paramLabel = "UPPER", description = "The tree that shall be seen.")
    private Path upper = Path.of("");

    @Mixin
    private TarTarget target = new TarTarget();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        try (FileChannel below = FileChannel.open(lower, READ);
                FileChannel above = FileChannel.open(upper, READ)) {
            ErofsImage lowerImage = ErofsImage.open(lower.toString(), below);
            ErofsImage upperImage = ErofsImage.open(upper.toString(), above);
            String diffId = target.write(out -> LayerDiff.write(lowerImage, upperImage, out));
            target.tell(form, new Answer().with("tar", "tar", target.name()).with("diffID", "diffId", diffId));
        }
        return 0;
    }
}
