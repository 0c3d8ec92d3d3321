package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina rmi}. */
@Command(
        name = "rmi",
        description = {
            "Removes images of this machine by their names.",
            "",
            "What no other image has is taken from the disk; what the layers were converted to goes with 'lamina store gc'."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina rmi debian:12", "  lamina rmi debian:12 registry.example:5000/team/app:1.2"})
final class RmiCommand implements Callable<Integer> {
    @Parameters(paramLabel = "IMAGE", arity = "1..*", description = "Images of 'lamina images'.")
    private List<String> names = List.of();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        ContentStore images = LocalImages.open();
        List<ImageName> found = new ArrayList<>();
        for (String name : names) {
            found.add(LocalImages.get(images, name));
        }
        List<String> removed = new ArrayList<>();
        for (ImageName image : found) {
            if (images.forget(image.name())) {
                ImageConversion.forget(image.name());
                removed.add(image.name());
            }
        }
        ContentStore.Collected collected = images.collect(Duration.ZERO);
        form.print(new Answer()
                .withHidden("removed", removed)
                .withHidden("blobs", collected.blobs())
                .withHidden("bytes", collected.bytes())
                .withLines(List.of("removed " + String.join(", ", removed) + ", and with it "
                        + TransferProgress.size(collected.bytes()) + " of the disk")));
        return 0;
    }
}
