package io.lamina.host.cli;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.FsmetaFile;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.LayerFileSet;
import io.lamina.host.flatten.NativeLayers;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.store.BlobStore;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.ImageReference;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What a device is made of: an image, whose layers go through the store, or layers in files. */
final class DeviceArguments {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    @Parameters(
            paramLabel = "IMAGE|LAYER",
            arity = "1..*",
            description = {
                "An image of 'lamina images', or oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]. Or layer blobs, base first: "
                        + "EROFS images, or INDEX.erofs=LAYER.tar."
            })
    private List<String> sources = List.of();

    @Option(names = "--verbose", description = "Tell each step on standard error.")
    private boolean verbose;

    private List<NativeLayers.Copied> copied = List.of();

    /** What is done with a device while its parts are open. */
    @FunctionalInterface
    interface Use {
        void of(FlattenedDevice device) throws IOException;
    }

    void withDevice(Use use) throws IOException, InterruptedException {
        withDevice(command, sources, verbose, layers -> copied = layers, use);
    }

    /** @param copies is told, before the device is used, which layers are copies of those that were named */
    static void withDevice(
            CommandSpec command,
            List<String> sources,
            boolean verbose,
            Consumer<List<NativeLayers.Copied>> copies,
            Use use)
            throws IOException, InterruptedException {
        Optional<String> image = image(sources.getFirst());
        if (image.isPresent()) {
            if (sources.size() > 1) {
                throw new ParameterException(command.commandLine(), "one image makes a device, not " + sources.size());
            }
            BlobStore store = BlobStore.open(Installation.current().home().resolve("store"));
            Steps steps = new Steps(System.err, verbose);
            ImagePreparation preparation = new ImagePreparation(store, steps);
            try (FlattenedImage flattened =
                    preparation.flatten(ImageReference.parse(image.get()).open())) {
                copies.accept(preparation.copied());
                use.of(flattened.device());
            }
            return;
        }
        NativeLayers natives = LayerArguments.copies();
        try (LayerFileSet layers = LayerFileSet.open(
                        sources.stream().map(LayerArguments::file).toList(), natives);
                FsmetaFile fsmeta = FsmetaFile.merge(layers.images())) {
            copies.accept(natives.copied());
            natives.copied().forEach(layer -> System.err.println("lamina: " + layer.sentence()));
            use.of(layers.flatten(fsmeta));
        }
    }

    /** What an image is called as a place; nothing where the word names a layer. */
    private static Optional<String> image(String source) throws IOException {
        if (Files.exists(Path.of(source))) {
            return Optional.empty();
        }
        try {
            return Optional.of(LocalImages.reference(source));
        } catch (IllegalArgumentException none) {
            return Optional.empty();
        }
    }

    /** What tells one device from another, how its proof is built, and which layers are not those that were named. */
    Answer describe(FlattenedDevice device) {
        return new Answer()
                .with("root hash", "rootHash", device.rootHash().hex())
                .with("data blocks", "dataBlocks", device.dataBlocks())
                .with("block size", "dataBlockSize", device.geometry().dataBlockSizeBytes())
                .with("hash block", "hashBlockSize", device.geometry().hashBlockSizeBytes())
                .with("hash start", "hashStartBlock", device.hashStartBlock())
                .with("salt", "salt", "0".repeat(64))
                .with("bytes", "sizeBytes", device.sizeBytes())
                .withHidden("copiedLayers", LayerArguments.described(copied));
    }
}
