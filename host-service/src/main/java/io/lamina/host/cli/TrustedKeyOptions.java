package io.lamina.host.cli;

import io.lamina.host.run.KeyFiles;
import io.lamina.images.statement.GuestPolicy;
import io.lamina.images.statement.ImageRule;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.statement.TrustedKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Whose signatures count, and how many of them it takes. */
final class TrustedKeyOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    @Option(
            names = "--trust",
            paramLabel = "KEY.pem",
            split = ",",
            description = "Public keys whose signatures count: Ed25519 or ECDSA P-256, in PEM files.")
    private List<Path> files = List.of();

    @Option(
            names = "--threshold",
            paramLabel = "N",
            defaultValue = "1",
            description = "How many different keys must have signed (default ${DEFAULT-VALUE}).")
    private int threshold = 1;

    List<Path> files() {
        return files;
    }

    int threshold() {
        if (threshold < 1) {
            throw new ParameterException(command.commandLine(), "--threshold is 1 or more, not " + threshold);
        }
        return threshold;
    }

    /** The policy that these options or a file make. */
    TrustPolicy policy(@Nullable Path file) throws IOException {
        if (file != null) {
            if (given()) {
                throw new ParameterException(
                        command.commandLine(), "--policy has keys and threshold: leave --trust out");
            }
            return GuestPolicy.parse(Files.readAllBytes(file)).trust();
        }
        TrustedKeys keys = KeyFiles.trusted(files);
        if (threshold() > keys.keys().size()) {
            throw new ParameterException(
                    command.commandLine(),
                    "--threshold " + threshold + " with " + keys.keys().size()
                            + " different keys: name them with --trust");
        }
        return new TrustPolicy(keys, threshold, TrustPolicy.Revocations.NONE, List.of(ImageRule.ANY));
    }

    boolean given() {
        return !files.isEmpty() || threshold != 1;
    }
}
