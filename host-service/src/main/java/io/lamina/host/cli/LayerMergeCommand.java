package io.lamina.host.cli;

import io.lamina.host.flatten.LayerFileSet;
import io.lamina.host.flatten.NativeLayers;
import io.lamina.images.merge.Fsmeta;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.MappedLayer;
import io.lamina.images.merge.Merger;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lamina layer merge}. */
@Command(
        name = "merge",
        description = {
            "Merges layer blobs into one fsmeta: the names and inodes of all layers as a container sees them, whose data "
                    + "stays in the blobs.",
            "",
            "FSMETA mounts with the blobs as its devices (mount -t erofs -o device=BLOB,... in their order), or as one device "
                    + "when all lie one after the other, as 'device flatten' puts them.",
            "",
            "Compressed layers of mkfs.erofs are merged as they are, but for those with fragments or tail-packed data: of "
                    + "these the store gets a plain copy, which the answer names."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExample:%n",
        footer = "  lamina layer merge -o fsmeta.erofs base.erofs middle.erofs top.erofs")
final class LayerMergeCommand implements Callable<Integer> {
    @Option(names = "-o", paramLabel = "FSMETA", required = true, description = "The file to write.")
    private Path out = Path.of("");

    @Mixin
    private LayerArguments layers = new LayerArguments();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        NativeLayers copies = LayerArguments.copies();
        try (LayerFileSet set = LayerFileSet.open(layers.files(), copies);
                OutputFile file = OutputFile.to(out)) {
            Fsmeta fsmeta = Merger.merge(set.images(), file.channel());
            file.publish();
            copies.copied().forEach(layer -> System.err.println("lamina: " + layer.sentence()));
            form.print(answer(fsmeta, set).withHidden("copiedLayers", LayerArguments.described(copies.copied())));
        }
        return 0;
    }

    private Answer answer(Fsmeta fsmeta, LayerFileSet set) {
        List<LayerImage> images = set.images();
        List<Object> mapped = new ArrayList<>();
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < images.size(); i++) {
            MappedLayer layer = fsmeta.layers().get(i);
            LayerImage image = images.get(i);
            mapped.add(Map.of(
                    "tag", image.tag(),
                    "startBlock", layer.uniaddrBlock(),
                    "blocks", layer.blocks(),
                    "file", set.dataFiles().get(i).toString()));
            lines.add("layer " + (i + 1) + "       " + layer.blocks() + " blocks from block " + layer.uniaddrBlock()
                    + ", " + set.dataFiles().get(i));
        }
        return new Answer()
                .with("fsmeta", "fsmeta", out.toString())
                .with("blocks", "blocks", fsmeta.blocks())
                .with("block size", "blockSize", fsmeta.blockSizeBytes())
                .with("inodes", "inodes", fsmeta.inodes())
                .withHidden("layers", mapped)
                .withLines(lines);
    }
}
