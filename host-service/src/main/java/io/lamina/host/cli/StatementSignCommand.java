package io.lamina.host.cli;

import io.lamina.host.run.KeyFiles;
import io.lamina.images.statement.SigningKey;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.StatementSigner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lamina statement sign}. */
@Command(
        name = "sign",
        description = {
            "Adds signatures to a statement. Those it has are kept and not verified.",
            "",
            "Look at what you sign: 'lamina statement show', or better, make it yourself and compare."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina statement sign --key second.pem -o both.json statement.json"})
final class StatementSignCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "STATEMENT", description = "The envelope.")
    private Path file = Path.of("");

    @Option(
            names = "--key",
            paramLabel = "KEY.pem",
            split = ",",
            required = true,
            description = "Private keys, Ed25519 or ECDSA P-256 (PKCS#8), such as: openssl genpkey -algorithm ed25519")
    private List<Path> keys = List.of();

    @Option(names = "-o", paramLabel = "FILE", description = "Where it goes (default: STATEMENT itself).")
    private @Nullable Path out;

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, StatementRefusedException {
        List<SigningKey> signers = new ArrayList<>();
        for (Path key : keys) {
            signers.add(KeyFiles.signing(key));
        }
        byte[] signed = StatementSigner.addSignatures(StatementFile.read(file), signers);
        StatementFile.write(out == null ? file : out, signed, form, new Answer().withHidden("signaturesAdded", (long)
                        signers.size()));
        return 0;
    }
}
