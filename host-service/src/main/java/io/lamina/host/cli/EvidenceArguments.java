package io.lamina.host.cli;

import io.lamina.host.run.EvidenceOptions;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A measured boot, and what it is to show of itself. */
final class EvidenceArguments {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    @Option(
            names = "--tpm",
            paramLabel = "SOCKET",
            description =
                    "Boot a unified kernel image by UEFI firmware, measured by the swtpm with this control socket.")
    private @Nullable Path tpm;

    @Option(names = "--evidence", paramLabel = "FILE", description = "With --tpm: where the guest's evidence goes.")
    private @Nullable Path evidence;

    @Option(
            names = "--nonce",
            paramLabel = "HEX",
            description = "With --tpm: what the verifier wants to see signed, 16 bytes or more.")
    private @Nullable String nonce;

    @Option(
            names = "--firmware",
            paramLabel = "FILE",
            defaultValue = "/usr/share/ovmf/OVMF.fd",
            description = "With --tpm: the firmware (default ${DEFAULT-VALUE}).")
    private Path firmware = Path.of("");

    @Option(
            names = "--stub",
            paramLabel = "FILE",
            defaultValue = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
            description = "With --tpm: systemd's boot stub (default ${DEFAULT-VALUE}).")
    private Path stub = Path.of("");

    Optional<EvidenceOptions> options() {
        if (tpm == null && evidence == null && nonce == null) {
            return Optional.empty();
        }
        if (tpm == null || evidence == null || nonce == null || !nonce.matches("([0-9a-f]{2}){16,64}")) {
            throw new ParameterException(
                    command.commandLine(),
                    "--tpm, --evidence and --nonce go together; a nonce is 16 to 64 bytes in hex, as openssl rand -hex 16 "
                            + "gives them");
        }
        return Optional.of(new EvidenceOptions(tpm, firmware, stub, nonce, evidence));
    }
}
