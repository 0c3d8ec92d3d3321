package io.lamina.host.cli;

import java.nio.file.Path;
import java.util.List;
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

    boolean given() {
        return !files.isEmpty() || threshold != 1;
    }
}
