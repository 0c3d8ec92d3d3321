package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.images.json.JsonParser;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina inspect}. */
@Command(
        name = "inspect",
        description = "Shows what an image of this machine is: its digests, platform, layers and configuration.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina inspect debian:12", "  lamina inspect --json debian:12"})
final class InspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "IMAGE", description = "An image of 'lamina images'.")
    private String image = "";

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        ContentStore images = LocalImages.open();
        ImageName known = LocalImages.get(images, image);
        Answer answer = new Answer()
                .with("image", "name", known.name())
                .with("digest", "digest", known.target().digest().toString())
                .with("media type", "mediaType", known.target().mediaType());
        if (MediaType.isIndex(known.target().mediaType())) {
            answer.withHidden(
                    "index",
                    JsonParser.parse("index", images.read(known.target().digest()))
                            .tree());
            form.print(answer);
            return 0;
        }
        StoredImage stored = ImageConversion.open(images.root(), known.name());
        List<Object> layers = new ArrayList<>();
        List<String> lines = new ArrayList<>();
        for (StoredLayer layer : stored.layers()) {
            layers.add(Map.of(
                    "digest", layer.digest().toString(),
                    "diffId", layer.diffId().toString(),
                    "mediaType", layer.mediaType(),
                    "bytes", layer.sizeBytes(),
                    "here", layer.isHere()));
            lines.add("layer         " + layer.digest() + "  " + TransferProgress.size(layer.sizeBytes())
                    + (layer.isHere() ? "" : "  (here as its conversion alone)"));
        }
        form.print(answer.with("config", "configDigest", stored.configDigest().toString())
                .with("platform", "platform", stored.config().platform().toString())
                .withHidden("layers", layers)
                .withHidden(
                        "config",
                        JsonParser.parse("config", stored.configBytes()).tree())
                .withLines(lines));
        return 0;
    }
}
