package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageContent;
import io.lamina.host.content.ImageName;
import io.lamina.images.oci.Descriptor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina images}. */
@Command(
        name = "images",
        description = "Lists the images of this machine.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina images", "  lamina images --json"})
final class ImagesCommand implements Callable<Integer> {
    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        ContentStore images = LocalImages.open();
        List<Object> all = new ArrayList<>();
        List<String> lines = new ArrayList<>();
        for (ImageName image : images.names()) {
            long bytes = 0;
            for (Descriptor blob : ImageContent.of(images, image.target()).blobs()) {
                bytes += blob.sizeBytes();
            }
            String digest = image.target().digest().toString();
            all.add(Map.of(
                    "name",
                    image.name(),
                    "digest",
                    digest,
                    "mediaType",
                    image.target().mediaType(),
                    "bytes",
                    bytes));
            lines.add(image.name() + "  " + digest.substring(0, 19) + "  " + TransferProgress.size(bytes));
        }
        if (all.isEmpty()) {
            lines.add("no images; 'lamina pull' brings one, 'lamina import' takes one from a file");
        }
        form.print(new Answer().withHidden("images", all).withLines(lines));
        return 0;
    }
}
