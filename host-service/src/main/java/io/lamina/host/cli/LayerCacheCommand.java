package io.lamina.host.cli;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.store.BlobStore;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.ImageReference;
import io.lamina.shim.kata.DmVeritySidecar;
import io.lamina.shim.kata.LayerContentCache;
import io.lamina.shim.verity.VerityFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lamina layer cache}. */
@Command(
        name = "cache",
        description = {
            "Fills a directory of layer_content_caches of containerd's EROFS snapshotter (2.4 and later) with an image's layers, "
                    + "by diffID, each with its hash tree and a .dmverity beside it.",
            "",
            "What is there already stays. An entry must stay for as long as a snapshot of containerd uses it."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = "  lamina layer cache /var/lib/containerd/layer-cache oci:layout:latest")
final class LayerCacheCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "DIR", description = "The directory, as containerd's configuration names it.")
    private Path directory = Path.of(".");

    @Parameters(
            index = "1",
            paramLabel = "IMAGE",
            description = "oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]")
    private String image = "";

    @Option(names = "--verbose", description = "Tell each step on standard error.")
    private boolean verbose;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        BlobStore store = BlobStore.open(Installation.current().home().resolve("store"));
        ImagePreparation preparation = new ImagePreparation(store, new Steps(System.err, verbose));
        int added = 0;
        try (FlattenedImage flattened =
                preparation.flatten(ImageReference.parse(image).open())) {
            for (StoredBlob layer : flattened.layers()) {
                added += add(layer) ? 1 : 0;
            }
            form.print(new Answer()
                    .with("layers", "layers", flattened.layers().size())
                    .with("added", "added", added));
        }
        return 0;
    }

    /** The sidecar first: containerd takes a layer as soon as its image is there. */
    private boolean add(StoredBlob layer) throws IOException {
        Path blob = LayerContentCache.blob(directory, layer.diffId());
        if (Files.exists(blob)) {
            return false;
        }
        Files.createDirectories(Objects.requireNonNull(blob.getParent(), "a file of ours"));
        FlattenedDevice device = FlattenedDevice.compose(List.of(layer.part()));
        try (OutputFile sidecar = OutputFile.to(LayerContentCache.sidecar(blob));
                OutputFile file = OutputFile.to(blob)) {
            ByteBuffer text = ByteBuffer.wrap(DmVeritySidecar.of(device.rootHash(), VerityFile.hashOffsetBytes(device))
                    .write());
            while (text.hasRemaining()) {
                sidecar.channel().write(text);
            }
            VerityFile.write(device, file.channel(), true);
            sidecar.publish();
            file.publish();
        }
        return true;
    }
}
