package io.lamina.host.cli;

import io.lamina.images.oci.Digest;
import io.lamina.images.statement.MeasuredStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.StatementSigner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lamina statement pcr}. */
@Command(
        name = "pcr",
        description = {
            "Tells the value of the TPM's register after a guest has measured this statement and nothing else.",
            "",
            "The guest extends the register with the digest of the signed bytes, before the container starts. That says which "
                    + "image runs only together with the registers of the boot: a false agent can extend the right digest."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina statement pcr statement.json"})
final class StatementPcrCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "STATEMENT", description = "The envelope.")
    private Path file = Path.of("");

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, StatementRefusedException {
        Digest digest = StatementSigner.payloadDigest(StatementFile.read(file));
        form.print(new Answer()
                .with("digest", "payloadDigest", digest.toString())
                .with("register", "pcr", MeasuredStatement.PCR)
                .with("bank", "bank", "sha256")
                .with("value", "value", MeasuredStatement.pcrAfter(digest).hex()));
        return 0;
    }
}
