package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.host.registry.ImagePull;
import io.lamina.host.registry.RegistryClient;
import io.lamina.host.registry.RemoteName;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.Platform;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina pull}. */
@Command(
        name = "pull",
        description = {
            "Brings an image from a registry and converts its layers.",
            "",
            "A download that breaks off is continued by the next pull. Where the registry has the image converted already "
                    + "('lamina push --native') and its statement satisfies the policy that is named here, that is brought "
                    + "instead of the layers, and nothing is converted."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina pull debian:12",
            "  lamina pull --platform linux/arm64 registry.example:5000/team/app:1.2",
            "  lamina pull --policy policy.json registry.example:5000/team/app:1.2"
        })
final class PullCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "IMAGE", description = "[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]")
    private String image = "";

    @Option(
            names = "--platform",
            paramLabel = "OS/ARCH",
            description = "The platform, where there are several (default: this machine's).")
    private @Nullable String platform;

    @Option(names = "--all-platforms", description = "Bring the images of all platforms; convert none.")
    private boolean allPlatforms;

    @Option(names = "--no-convert", description = "Do not convert the layers now; the first use does.")
    private boolean noConvert;

    @Mixin
    private NativeOptions natives = new NativeOptions();

    @Mixin
    private RegistryOptions registry = new RegistryOptions();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        RemoteName name = registry.name(image);
        Optional<Platform> wanted = allPlatforms ? Optional.empty() : Optional.of(platform());
        ContentStore images = LocalImages.open();
        TransferProgress progress = new TransferProgress(System.err, Progress.isTerminal(), form.json());
        try (RegistryClient client = registry.client(name)) {
            ImagePull pull = new ImagePull(client, images, registry.parallel(), progress);
            ImagePull.Found found = pull.find(name, wanted);
            Answer answer = new Answer();
            boolean single = MediaType.isManifest(found.target().mediaType());
            if (single && natives.bring(client, images, pull, found, answer)) {
                form.print(answer);
                return 0;
            }
            pull.fetch(found, found.blobs());
            ImageName pulled = pull.name(found);
            progress.finish();
            pull.fetch(found, found.blobs()); // what a collection took before the name was there
            answer.with("image", "name", pulled.name())
                    .with("digest", "digest", found.target().digest().toString())
                    .with(
                            "bytes",
                            "bytes",
                            found.blobs().stream()
                                    .mapToLong(blob -> blob.sizeBytes())
                                    .sum())
                    .withHidden("native", false);
            if (single && !noConvert) {
                ImageConversion.convert(images, pulled.name(), answer);
            }
            form.print(answer);
            return 0;
        }
    }

    private Platform platform() {
        try {
            return platform == null ? Platform.ofThisMachine() : Platform.of(platform);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
    }
}
