package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageImport;
import io.lamina.host.content.ImageName;
import io.lamina.host.registry.RemoteName;
import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.Platform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina import}. */
@Command(
        name = "import",
        description = {
            "Takes an image from a layout, an archive or containerd's content store, and converts its layers.",
            "",
            "containerd's is named by its root directory and the digest that 'ctr images ls' tells."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina import oci:build/layout:latest team/app:1.2",
            "  docker save -o app.tar app:1.2; lamina import docker-archive:app.tar app:1.2",
            "  lamina import containerd:/var/lib/containerd@sha256:DIGEST app:1.2"
        })
final class ImportCommand implements Callable<Integer> {
    private static final String CONTAINERD = "containerd:";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(
            index = "0",
            paramLabel = "SOURCE",
            description = "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF] or containerd:DIR@DIGEST")
    private String source = "";

    @Parameters(index = "1", paramLabel = "NAME", description = "What it is called here: [HOST/]REPOSITORY[:TAG]")
    private String name = "";

    @Option(
            names = "--platform",
            paramLabel = "OS/ARCH",
            description = "The platform, where there are several (default: this machine's).")
    private @Nullable String platform;

    @Option(names = "--no-convert", description = "Do not convert the layers now; the first use does.")
    private boolean noConvert;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        RemoteName named = RegistryOptions.name(spec, name);
        ContentStore images = LocalImages.open();
        ImageName taken = take(new ImageImport(images), named.toString());
        Answer answer = new Answer()
                .with("image", "name", taken.name())
                .with("digest", "digest", taken.target().digest().toString());
        if (!noConvert) {
            ImageConversion.convert(images, taken.name(), answer);
        }
        form.print(answer);
        return 0;
    }

    private ImageName take(ImageImport images, String named) throws IOException {
        try {
            Platform wanted = platform == null ? Platform.ofThisMachine() : Platform.of(platform);
            if (!source.startsWith(CONTAINERD)) {
                return images.take(ImageReference.parse(source).open(wanted), named);
            }
            int at = source.lastIndexOf('@');
            if (at < 0) {
                throw new IllegalArgumentException("\"" + source + "\" is no containerd:DIR@DIGEST");
            }
            Path root = Path.of(source.substring(CONTAINERD.length(), at));
            return images.takeContainerd(root, digest(source.substring(at + 1)), wanted, named);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
    }

    private static Digest digest(String text) {
        try {
            return Digest.parse(text);
        } catch (CorruptImageException none) {
            throw new IllegalArgumentException(none.getMessage(), none);
        }
    }
}
