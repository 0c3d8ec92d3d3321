package io.lamina.host.cli;

import io.lamina.host.registry.DockerConfig;
import io.lamina.host.registry.RegistryClient;
import io.lamina.host.registry.RegistrySettings;
import io.lamina.host.registry.RemoteName;
import io.lamina.host.run.Installation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How a registry is reached, as every command that speaks to one takes it. */
final class RegistryOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    @Option(
            names = "--registries",
            paramLabel = "FILE",
            description =
                    "Mirrors, authorities and more for each registry (default: registries.json in Lamina's home).")
    private @Nullable Path registries;

    @Option(
            names = "--authfile",
            paramLabel = "FILE",
            description = "Credentials, as 'docker login' writes them (default: ~/.docker/config.json).")
    private @Nullable Path authFile;

    @Option(names = "--ca", paramLabel = "FILE", description = "Trust these authorities too, in PEM.")
    private @Nullable Path authority;

    @Option(names = "--plain-http", description = "Speak to the registry without TLS.")
    private boolean plainHttp;

    @Option(names = "--tls-skip-verify", description = "Believe whatever certificate the registry shows.")
    private boolean skipVerify;

    @Option(
            names = "--parallel",
            paramLabel = "N",
            defaultValue = "4",
            description = "So many blobs at once, 1 to 32 (default ${DEFAULT-VALUE}).")
    private int parallel = 4;

    int parallel() {
        if (parallel < 1 || parallel > 32) {
            throw new ParameterException(command.commandLine(), "--parallel is 1 to 32, not " + parallel);
        }
        return parallel;
    }

    /** A client; what the options say is said of the host of {@code name}. */
    RegistryClient client(RemoteName name) throws IOException {
        Path file =
                registries != null ? registries : Installation.current().home().resolve("registries.json");
        RegistrySettings settings =
                registries != null || Files.exists(file) ? RegistrySettings.read(file) : RegistrySettings.NONE;
        if (plainHttp) {
            settings = settings.with(name.host(), RegistrySettings.Host::withPlainHttp);
        }
        if (skipVerify) {
            settings = settings.with(name.host(), RegistrySettings.Host::withSkipVerify);
        }
        Path pem = authority;
        if (pem != null) {
            settings = settings.with(name.host(), host -> host.withAuthority(pem));
        }
        return new RegistryClient(settings, authFile == null ? DockerConfig.ofUser() : DockerConfig.of(authFile));
    }

    /** Reads an image's name in a registry. */
    RemoteName name(String text) {
        return name(command, text);
    }

    /** As {@link #name(String)}, for commands that reach no registry. */
    static RemoteName name(CommandSpec command, String text) {
        try {
            return RemoteName.parse(text);
        } catch (IllegalArgumentException wrong) {
            throw new ParameterException(command.commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
    }
}
