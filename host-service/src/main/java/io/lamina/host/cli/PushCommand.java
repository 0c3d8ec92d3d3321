package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.fleet.FleetPush;
import io.lamina.host.registry.ImagePush;
import io.lamina.host.registry.RegistryClient;
import io.lamina.host.registry.RemoteName;
import io.lamina.host.run.KeyFiles;
import io.lamina.host.store.BlobStore;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.StatementSigner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

/** {@code lamina push}. */
@Command(
        name = "push",
        description = {
            "Puts an image of this machine into a registry, byte by byte what it is here.",
            "",
            "With --native also what it was converted to, as referrers of its manifest: EROFS layers in an image of their own, "
                    + "which a containerd that knows compressed ones runs (tag TAG-erofs), merged metadata, level-0 hashes, and the statement "
                    + "signed with --key. Other nodes pull that instead of converting."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina push registry.example:5000/team/app:1.2",
            "  lamina push debian:12 registry.example:5000/base/debian:12",
            "  lamina push --native --key key.pem registry.example:5000/team/app:1.2",
            "  lamina push --native --uncompressed --key key.pem registry.example:5000/team/app:1.2"
        })
final class PushCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "IMAGE", description = "An image of 'lamina images'.")
    private String image = "";

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "TARGET",
            description = "What it is called there (default: IMAGE).")
    private @Nullable String target;

    @Option(names = "--native", description = "Publish the conversion too.")
    private boolean withNative;

    @Option(
            names = "--uncompressed",
            description =
                    "With --native, also an image of uncompressed EROFS layers (tag TAG-erofs-plain), which containerd 2.1 "
                            + "needs: it knows no compressed ones.")
    private boolean uncompressed;

    @Option(
            names = "--key",
            paramLabel = "KEY.pem",
            split = ",",
            description = "Private keys that sign the statement; --native needs one.")
    private List<Path> keys = List.of();

    @Mixin
    private RegistryOptions registry = new RegistryOptions();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (withNative == keys.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    withNative
                            ? "--native needs --key: other nodes take a conversion only on somebody's word"
                            : "--key signs what --native publishes");
        }
        if (uncompressed && !withNative) {
            throw new ParameterException(spec.commandLine(), "--uncompressed is for --native");
        }
        ContentStore images = LocalImages.open();
        ImageName local = LocalImages.get(images, image);
        RemoteName remote = registry.name(target == null ? local.name() : target);
        if (withNative && !MediaType.isManifest(local.target().mediaType())) {
            throw new ParameterException(
                    spec.commandLine(), "--native is for the image of one platform; pull it without --all-platforms");
        }
        TransferProgress progress = new TransferProgress(System.err, Progress.isTerminal(), form.json());
        Answer answer = new Answer()
                .with("image", "name", remote.toString())
                .with("digest", "digest", local.target().digest().toString());
        try (RegistryClient client = registry.client(remote)) {
            new ImagePush(client, images, registry.parallel(), progress).push(local, remote);
            progress.finish();
            if (withNative) {
                publish(client, images, local, remote, answer);
            }
        }
        form.print(answer);
        return 0;
    }

    private void publish(RegistryClient client, ContentStore images, ImageName local, RemoteName remote, Answer answer)
            throws IOException, InterruptedException {
        List<SigningKey> signers = new ArrayList<>();
        for (Path key : keys) {
            signers.add(KeyFiles.signing(key));
        }
        StoredImage stored = ImageConversion.open(images.root(), local.name());
        BlobStore blobs = BlobStore.open(ImageConversion.storeRoot().images());
        TransferProgress progress = new TransferProgress(System.err, Progress.isTerminal(), form.json());
        try (FlattenedImage flattened = new ImagePreparation(blobs, new Steps(System.err, false)).flatten(stored)) {
            ImageStatement statement = flattened.statement(ImageStatement.Terms.of(remote.toString()), stored);
            String tag = remote.tag().orElse("latest") + "-erofs";
            FleetPush.Tags tags =
                    new FleetPush.Tags(tag, uncompressed ? Optional.of(tag + "-plain") : Optional.empty());
            FleetPush.Published published = new FleetPush(images, client.repository(remote), progress)
                    .publish(local.target(), stored, flattened, StatementSigner.sign(statement, signers), tags);
            progress.finish();
            answer.with("native", "nativeName", remote.withTag(tag).toString())
                    .with("its digest", "nativeDigest", published.image().toString())
                    .with("root hash", "rootHash", flattened.device().rootHash().hex())
                    .with("layers were", "originalBytes", published.originalBytes())
                    .with("and are", "nativeBytes", published.nativeBytes());
        }
    }
}
