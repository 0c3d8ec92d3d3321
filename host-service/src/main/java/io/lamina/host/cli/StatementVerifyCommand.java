package io.lamina.host.cli;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.store.BlobStore;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.TrustPolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lamina statement verify}. */
@Command(
        name = "verify",
        description = {
            "Verifies a statement as a guest would: signatures, validity, and whether the policy lets it run the image.",
            "",
            "With --image, the device is made from the image again and compared with what the statement says of it. The exit "
                    + "status of a statement that is refused is 123."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina statement verify --trust a.pub,b.pub --threshold 2 statement.json",
            "  lamina statement verify --policy policy.json --image oci:build/layout statement.json"
        })
final class StatementVerifyCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "STATEMENT", description = "The envelope.")
    private Path file = Path.of("");

    @Mixin
    private TrustedKeyOptions trusted = new TrustedKeyOptions();

    @Option(
            names = "--policy",
            paramLabel = "FILE",
            description = "A guest's policy, instead of --trust and --threshold.")
    private @Nullable Path policy;

    @Option(names = "--image", paramLabel = "IMAGE", description = "The image that it has to be the statement of.")
    private @Nullable String image;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException, StatementRefusedException {
        TrustPolicy.Admitted admitted =
                trusted.policy(policy).admit(StatementFile.read(file), Optional.of(Instant.now()));
        if (image != null) {
            compare(admitted.statement(), image);
        }
        form.print(StatementShowCommand.describe(admitted.statement(), admitted.payloadDigest()));
        return 0;
    }

    private static void compare(ImageStatement statement, String image)
            throws IOException, InterruptedException, StatementRefusedException {
        StoredImage stored = ImageReference.parse(image).open();
        BlobStore store = BlobStore.open(Installation.current().home().resolve("store"));
        try (FlattenedImage flattened = new ImagePreparation(store, new Steps(System.err, false)).flatten(stored)) {
            ImageStatement.Terms terms = new ImageStatement.Terms(
                    statement.image().reference(),
                    statement.image().version(),
                    statement.upperLayer(),
                    statement.validity());
            ImageStatement made = flattened.statement(terms, stored);
            if (!made.equals(statement)) {
                throw new StatementRefusedException(
                        "image",
                        "root hash " + statement.verity().rootHash().hex() + " of manifest "
                                + statement.image().manifestDigest(),
                        "root hash " + made.verity().rootHash().hex() + " of manifest "
                                + made.image().manifestDigest() + ", made from " + image);
            }
        }
    }
}
