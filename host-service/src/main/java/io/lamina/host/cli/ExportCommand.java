package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageExport;
import io.lamina.host.content.ImageName;
import io.lamina.images.oci.ImageReference;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina export}. */
@Command(
        name = "export",
        description = {
            "Gives an image of this machine to other programs.",
            "",
            "An archive is both OCI's and Docker's: skopeo, podman and 'docker load' read it."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina export debian:12 -o oci:layout:12",
            "  lamina export debian:12 -o oci-archive:debian.tar",
            "  lamina export debian:12 -o docker-archive:debian.tar"
        })
final class ExportCommand implements Callable<Integer> {
    private static final int BUFFER_BYTES = 1 << 20;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "IMAGE", description = "An image of 'lamina images'.")
    private String image = "";

    @Option(
            names = "-o",
            required = true,
            paramLabel = "TARGET",
            description = "oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE")
    private String target = "";

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException {
        ImageReference reference;
        try {
            reference = ImageReference.parse(target);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
        ContentStore images = LocalImages.open();
        ImageName known = LocalImages.get(images, image);
        ImageExport export = ImageExport.of(images, known);
        switch (reference) {
            case ImageReference.OciLayout layout ->
                export.toLayout(
                        ContentStore.open(layout.directory()), layout.tag().orElse("latest"));
            case ImageReference.OciArchive archive -> write(export, archive.file(), archive.tag());
            case ImageReference.DockerArchive archive -> write(export, archive.file(), archive.reference());
        }
        form.print(new Answer()
                .with("image", "name", known.name())
                .with("digest", "digest", known.target().digest().toString())
                .with("target", "target", target));
        return 0;
    }

    private static void write(ImageExport export, Path file, Optional<String> tag) throws IOException {
        try (OutputFile output = OutputFile.to(file)) {
            OutputStream out = new BufferedOutputStream(Channels.newOutputStream(output.channel()), BUFFER_BYTES);
            export.toArchive(out, tag.orElse("latest"));
            out.flush();
            output.publish();
        }
    }
}
