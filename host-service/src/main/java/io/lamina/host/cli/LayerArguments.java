package io.lamina.host.cli;

import io.lamina.host.flatten.LayerFileSet.LayerFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Parameters;

/** Layers as files, base first. */
final class LayerArguments {
    @Parameters(
            paramLabel = "LAYER",
            arity = "1..*",
            description =
                    "A layer blob, base first: an EROFS image of ours or of mkfs.erofs, or INDEX.erofs=LAYER.tar.")
    private List<String> layers = List.of();

    List<LayerFile> files() {
        return layers.stream().map(LayerArguments::file).toList();
    }

    /** A file whose own name has an equals sign is found under it first. */
    static LayerFile file(String text) {
        int equals = text.lastIndexOf('=');
        if (equals > 0 && !Files.exists(Path.of(text))) {
            return new LayerFile(Path.of(text.substring(0, equals)), Path.of(text.substring(equals + 1)));
        }
        return new LayerFile(Path.of(text), Path.of(text));
    }
}
