package io.lamina.host.cli;

import io.lamina.host.api.Daemon;
import io.lamina.host.containerd.ContainerdToml;
import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lamina containerd}. */
@Command(
        name = "containerd",
        description = "For operators of containerd.",
        mixinStandardHelpOptions = true,
        subcommands = ContainerdCommand.Config.class)
final class ContainerdCommand {
    /** {@code lamina containerd config}. */
    @Command(
            name = "config",
            description = {
                "Prints what belongs into containerd's config.toml, for the containerd that is installed here.",
                "",
                "With it, ctr, nerdctl and CRI find the snapshotter \"lamina\", and pulls unpack into it."
            },
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina containerd config --root /var/lib/lamina --socket /run/lamina/lamina.sock"})
    static final class Config implements Callable<Integer> {
        @Mixin
        private StoreOptions options = new StoreOptions();

        @Option(
                names = "--for",
                paramLabel = "VERSION",
                description = "containerd's version, such as 1.7 or 2.1 (default: that of the containerd in PATH).")
        private @Nullable String version;

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException, InterruptedException {
            Daemon.Paths paths = options.paths();
            String known = version == null ? ContainerdToml.installedVersion() : version;
            String toml = ContainerdToml.of(
                    known, paths.socket().toAbsolutePath(), paths.root().state().toAbsolutePath());
            if (form.json()) {
                form.print(new Answer().with("containerd", "version", known).with("settings", "toml", toml));
            } else {
                System.out.print(toml);
            }
            return 0;
        }
    }
}
