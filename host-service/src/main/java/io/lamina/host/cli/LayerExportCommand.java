package io.lamina.host.cli;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.flatten.LayerFileSet.LayerFile;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.CanonicalTar;
import io.lamina.images.layer.LayerExporter;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lamina layer export}. */
@Command(
        name = "export",
        description = {
            "Gives a layer back as a tar.",
            "",
            "With the recipe that 'layer convert' left beside LAYER the tar is the identical one, bit for bit, and has the same "
                    + "diffID. Any other EROFS image gives a canonical tar: the same tree, sorted, the same bytes each time."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina layer export layer.erofs -o layer.tar",
            "  lamina layer export --canonical layer.erofs -o - | tar -tv"
        })
final class LayerExportCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "LAYER", description = "An EROFS image.")
    private Path layer = Path.of("");

    @Mixin
    private TarTarget target = new TarTarget();

    @Option(names = "--canonical", description = "Write the canonical tar even where there is a recipe.")
    private boolean canonical;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        Path recipe = LayerFile.recipe(layer);
        boolean identical = !canonical && Files.exists(recipe);
        try (FileChannel blob = FileChannel.open(layer, READ)) {
            String diffId = target.write(out -> {
                if (identical) {
                    try (FileChannel operations = FileChannel.open(recipe, READ)) {
                        LayerExporter.export(blob, operations, out);
                    }
                } else {
                    CanonicalTar.write(ErofsImage.open(layer.toString(), blob), out);
                }
            });
            target.tell(
                    form,
                    new Answer()
                            .with("tar", "tar", target.name())
                            .with("kind", "kind", identical ? "identical" : "canonical")
                            .with("diffID", "diffId", diffId));
        }
        return 0;
    }
}
