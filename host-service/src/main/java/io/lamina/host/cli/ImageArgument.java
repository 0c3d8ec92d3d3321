package io.lamina.host.cli;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.store.BlobStore;
import io.lamina.images.oci.ImageReference;
import java.io.IOException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** An image that a command looks into. */
final class ImageArgument {
    static final String WORDS =
            "An image of 'lamina images', or oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF]";

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "IMAGE", description = WORDS)
    private String image = "";

    /** The image as a device; what is not converted is converted now. */
    FlattenedImage flatten() throws IOException, InterruptedException {
        BlobStore store = BlobStore.open(ImageConversion.storeRoot().images());
        return new ImagePreparation(store, new Steps(System.err, false))
                .flatten(ImageReference.parse(reference(command, image)).open());
    }

    /** {@code text} as {@link ImageReference} reads it. */
    static String reference(CommandSpec command, String text) throws IOException {
        try {
            return LocalImages.reference(text);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(command.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
    }
}
