package io.lamina.host.cli;

import io.lamina.host.run.KeyFiles;
import io.lamina.images.CorruptImageException;
import io.lamina.images.evidence.Evidence;
import io.lamina.images.evidence.EvidenceVerifier;
import io.lamina.images.oci.Digest;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.StatementSigner;
import io.lamina.images.statement.TrustedKeys;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina verify-evidence}. */
@Command(
        name = "verify-evidence",
        description = {
            "Verifies what a guest's TPM has signed: that this guest was booted from what is expected, and that it has measured "
                    + "this statement and no other.",
            "",
            "Nothing can be left out: without the nonce the quote can be an old one, without the TPM's key anybody's, and "
                    + "without the registers of the boot a false agent can have measured the right statement. Registers 0, 2, "
                    + "4 and 7 are known from a boot that was watched, 11 from 'lamina guest measure'. The exit status of "
                    + "evidence that is refused is 123."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina verify-evidence --attestation-key ak.pem --nonce 0123abcd --statement statement.json "
                    + "--register 4=HEX evidence.json"
        })
final class VerifyEvidenceCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "EVIDENCE", description = "What 'lamina run --evidence' has written.")
    private Path file = Path.of("");

    @Option(names = "--statement", paramLabel = "FILE", required = true, description = "The statement, an envelope.")
    private Path statement = Path.of("");

    @Option(names = "--nonce", paramLabel = "HEX", required = true, description = "What the guest was asked to sign.")
    private String nonce = "";

    @Option(
            names = "--attestation-key",
            paramLabel = "KEY.pem",
            required = true,
            description = "The TPM's public key, as it was enrolled.")
    private Path key = Path.of("");

    @Option(
            names = "--register",
            paramLabel = "N=HEX",
            split = ",",
            required = true,
            description = "What a register has to hold; 0, 2, 4, 7 and 11 must be given.")
    private Map<Integer, String> registers = new TreeMap<>();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, StatementRefusedException {
        Digest digest = StatementSigner.payloadDigest(StatementFile.read(statement));
        Evidence evidence = Evidence.parse(StatementFile.read(file));
        EvidenceVerifier.verify(evidence, expectation(digest));
        form.print(new Answer()
                .with("statement", "payloadDigest", digest.toString())
                .with("verified", "verified", true));
        return 0;
    }

    private EvidenceVerifier.Expectation expectation(Digest digest) throws IOException {
        TrustedKeys keys = KeyFiles.trusted(List.of(key));
        if (keys.keys().size() != 1) {
            throw new ParameterException(
                    spec.commandLine(), key + " has " + keys.keys().size() + " keys, not one");
        }
        try {
            Map<Integer, Digest> boot = new TreeMap<>();
            for (Map.Entry<Integer, String> register : registers.entrySet()) {
                boot.put(register.getKey(), Digest.parse("sha256:" + register.getValue()));
            }
            return new EvidenceVerifier.Expectation(
                    HexFormat.of().parseHex(nonce), keys.keys().getFirst(), boot, digest);
        } catch (CorruptImageException | IllegalArgumentException wrong) {
            throw new ParameterException(spec.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
    }
}
