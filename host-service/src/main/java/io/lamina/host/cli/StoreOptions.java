package io.lamina.host.cli;

import io.lamina.host.api.Daemon;
import io.lamina.host.ops.Configuration;
import io.lamina.host.run.Installation;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which store and which daemon, as every command that concerns one takes it. */
final class StoreOptions {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "Settings, one a line (share/lamina.conf of the installation explains them).")
    private @Nullable Path config;

    @Option(names = "--root", paramLabel = "DIR", description = "The store (default: store in Lamina's home).")
    private @Nullable Path root;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description = "The daemon's socket (default: lamina.sock in Lamina's home).")
    private @Nullable Path socket;

    /** What file and command line say together. */
    Configuration configuration() throws IOException {
        Configuration configuration = config == null ? Configuration.empty() : Configuration.read(config);
        if (root != null) {
            configuration = configuration.with("root", root.toAbsolutePath().toString());
        }
        if (socket != null) {
            configuration = configuration.with("socket", socket.toAbsolutePath().toString());
        }
        return configuration;
    }

    /** The file with settings, if one is named. */
    @Nullable
    Path file() {
        return config;
    }

    /** Where store and socket are. */
    Daemon.Paths paths() throws IOException {
        return Daemon.Paths.of(configuration(), Installation.current().home());
    }
}
