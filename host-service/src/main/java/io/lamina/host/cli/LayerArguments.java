package io.lamina.host.cli;

import io.lamina.host.flatten.LayerFileSet.LayerFile;
import io.lamina.host.flatten.NativeLayers;
import io.lamina.host.run.Installation;
import io.lamina.host.store.BlobStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

    /** Where copies go of layers that cannot be merged as they are: the store that images go through. */
    static NativeLayers copies() {
        return new NativeLayers(
                () -> BlobStore.open(Installation.current().home().resolve("store")));
    }

    /** What a machine is told of copies. */
    static List<Object> described(List<NativeLayers.Copied> copied) {
        List<Object> layers = new ArrayList<>();
        for (NativeLayers.Copied layer : copied) {
            layers.add(Map.of(
                    "layer", layer.layer(),
                    "blob", layer.blob().blob().toString(),
                    "reason", layer.sentence()));
        }
        return layers;
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
