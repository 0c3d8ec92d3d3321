package io.lamina.host.cli;

import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.run.KeyFiles;
import io.lamina.host.store.BlobStore;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.UpperLayer;
import io.lamina.images.statement.Validity;
import java.io.IOException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code lamina statement create}. */
@Command(
        name = "create",
        description = {
            "Makes the statement of an image: its layers are converted, merged and hashed as a node does it.",
            "",
            "Without --key the envelope has no signature yet; 'statement sign' adds some, on this machine or another."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExample:%n",
        footer = {
            "  lamina statement create oci:layout --reference registry.example/app:3 --image-version 3 \\",
            "      --key release.pem -o app.statement"
        })
final class StatementCreateCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "IMAGE", description = ImageArgument.WORDS)
    private String image = "";

    @Option(
            names = "--reference",
            paramLabel = "NAME",
            description = "The image's name, by which policies know it (default: IMAGE as it is written here).")
    private @Nullable String reference;

    @Option(
            names = "--image-version",
            paramLabel = "N",
            defaultValue = "0",
            description = "A number that grows with each image of this name, so that guests can refuse older ones.")
    private long version;

    @Option(
            names = "--not-before",
            paramLabel = "TIME",
            converter = Time.class,
            description = "First second of validity, as 2026-01-31T00:00:00Z. Guests have only their host's clock.")
    private @Nullable Instant notBefore;

    @Option(
            names = "--not-after",
            paramLabel = "TIME",
            converter = Time.class,
            description = "Last second of validity.")
    private @Nullable Instant notAfter;

    @Option(
            names = "--upper",
            paramLabel = "LAYER",
            defaultValue = "memory",
            description = {
                "The writable layer that a guest may lay over it: memory, scratch (memory, or a disk that the guest encrypts "
                        + "with a key of its own), or none (default ${DEFAULT-VALUE})."
            })
    private UpperLayer upper = UpperLayer.MEMORY;

    @Option(names = "--key", paramLabel = "KEY.pem", split = ",", description = "Sign it with these private keys.")
    private List<Path> keys = List.of();

    @Option(names = "-o", paramLabel = "FILE", description = "Where it goes (default: standard output).")
    private @Nullable Path out;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Option(names = "--verbose", description = "Tell each step on standard error.")
    private boolean verbose;

    @Override
    public Integer call() throws IOException, InterruptedException {
        ImageStatement.Terms terms = terms();
        List<SigningKey> signers = new ArrayList<>();
        for (Path key : keys) {
            signers.add(KeyFiles.signing(key));
        }
        StoredImage stored =
                ImageReference.parse(ImageArgument.reference(spec, image)).open();
        BlobStore store = BlobStore.open(Installation.current().home().resolve("store"));
        try (FlattenedImage flattened = new ImagePreparation(store, new Steps(System.err, verbose)).flatten(stored)) {
            ImageStatement statement = flattened.statement(terms, stored);
            byte[] envelope =
                    signers.isEmpty() ? StatementSigner.unsigned(statement) : StatementSigner.sign(statement, signers);
            StatementFile.write(
                    out,
                    envelope,
                    form,
                    new Answer()
                            .withHidden(
                                    "rootHash", flattened.device().rootHash().hex()));
        }
        return 0;
    }

    private ImageStatement.Terms terms() {
        try {
            return new ImageStatement.Terms(
                    reference == null ? image : reference,
                    version,
                    upper,
                    new Validity(Optional.ofNullable(notBefore), Optional.ofNullable(notAfter)));
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
    }

    private static final class Time implements ITypeConverter<Instant> {
        @Override
        public Instant convert(String text) {
            try {
                return Instant.parse(text);
            } catch (DateTimeException wrong) {
                throw new TypeConversionException("'" + text + "' is no time like 2026-01-31T00:00:00Z");
            }
        }
    }
}
