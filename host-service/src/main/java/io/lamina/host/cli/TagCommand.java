package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.host.registry.RemoteName;
import io.lamina.host.store.Store;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina tag}. */
@Command(
        name = "tag",
        description = "Gives an image of this machine another name beside those that it has.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = "  lamina tag debian:12 registry.example:5000/base/debian:12")
final class TagCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "IMAGE", description = "An image of 'lamina images'.")
    private String image = "";

    @Parameters(index = "1", paramLabel = "NAME", description = "[HOST[:PORT]/]REPOSITORY[:TAG]")
    private String name = "";

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        ContentStore images = LocalImages.open();
        ImageName known = LocalImages.get(images, image);
        RemoteName added = RegistryOptions.name(spec, name);
        images.name(new ImageName(added.toString(), known.target()));
        try (Store store = Store.openBeside(ImageConversion.storeRoot())) {
            if (store.images().find(known.target().digest()).isPresent()) {
                store.images().tag(added.toString(), known.target().digest(), Optional.empty());
            }
        }
        form.print(new Answer()
                .with("image", "name", added.toString())
                .with("digest", "digest", known.target().digest().toString()));
        return 0;
    }
}
