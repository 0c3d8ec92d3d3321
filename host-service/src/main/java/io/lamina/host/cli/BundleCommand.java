package io.lamina.host.cli;

import io.lamina.images.json.JsonWriter;
import io.lamina.shim.bundle.BundleRules;
import io.lamina.shim.bundle.BundleRules.Resolution;
import io.lamina.shim.bundle.Finding;
import io.lamina.shim.bundle.HcsshimVersion;
import io.lamina.shim.bundle.OciBundle;
import io.lamina.shim.mount.RootfsMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lamina bundle}. */
@Command(
        name = "bundle",
        description = "Judges OCI bundles by the rules of the runtimes that read windows.layerFolders.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {BundleCommand.Check.class, BundleCommand.Resolve.class})
final class BundleCommand {
    /** A bundle would be refused: the command has worked, and the answer is no. */
    static final int STATUS_REFUSED = 1;

    /** What both commands are given. */
    static final class What {
        @Parameters(paramLabel = "DIR", description = "The bundle, a directory with config.json.")
        private Path directory = Path.of(".");

        @Option(
                names = "--rootfs",
                paramLabel = "FILE",
                description = "CreateTaskRequest.rootfs as JSON: [{\"type\":…,\"source\":…,\"options\":[…]}].")
        private @Nullable Path rootfs;

        @Option(
                names = "--hcsshim",
                paramLabel = "VERSION",
                description = "Whose rules: before 0.12 layers were appended, from 0.12 on both together are rejected.")
        private @Nullable String version;

        Resolution resolve() throws IOException {
            OciBundle bundle = OciBundle.read(Files.readAllBytes(directory.resolve("config.json")));
            List<RootfsMount> request =
                    rootfs == null ? List.of() : RootfsMount.readList("rootfs", Files.readAllBytes(rootfs));
            return BundleRules.resolve(
                    bundle, request, version == null ? HcsshimVersion.NEWEST : HcsshimVersion.parse(version));
        }
    }

    private static Answer answer(Resolution resolution) {
        List<Object> findings = new ArrayList<>();
        List<String> lines = new ArrayList<>();
        for (Finding finding : resolution.findings()) {
            lines.add(finding.sentence());
            findings.add(Map.of(
                    "rule", finding.rule(),
                    "refused", finding.refused(),
                    "bundle", finding.bundle(),
                    "request", finding.request()));
        }
        lines.add(resolution.accepted() ? "accepted" : "the runtime refuses this");
        return new Answer()
                .withHidden("accepted", resolution.accepted())
                .withHidden("findings", findings)
                .withHidden("layerFolders", resolution.layerFolders())
                .withHidden("policyLayers", resolution.policyLayers())
                .withLines(lines);
    }

    /** {@code lamina bundle check}. */
    @Command(
            name = "check",
            description = "Says which rules a bundle and a request break; the exit status is 1 where there are any.",
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina bundle check /run/bundle --rootfs rootfs.json --hcsshim 0.11"})
    static final class Check implements Callable<Integer> {
        @Mixin
        private What what = new What();

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException {
            Resolution resolution = what.resolve();
            form.print(answer(resolution));
            return resolution.accepted() ? 0 : STATUS_REFUSED;
        }
    }

    /** {@code lamina bundle resolve}. */
    @Command(
            name = "resolve",
            description = {
                "Prints the config.json that bundle and request make together, the request being the authority; or says which "
                        + "rules they break, with status 1. No list in it is null."
            },
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {"  lamina bundle resolve /run/bundle --rootfs rootfs.json"})
    static final class Resolve implements Callable<Integer> {
        @Mixin
        private What what = new What();

        @Mixin
        private Answer.Form form = new Answer.Form();

        @Override
        public Integer call() throws IOException {
            Resolution resolution = what.resolve();
            if (!resolution.accepted()) {
                if (form.json()) {
                    form.print(answer(resolution));
                } else {
                    System.err.println(answer(resolution).words());
                }
                return STATUS_REFUSED;
            }
            // An object of JSON in any case.
            System.out.write(JsonWriter.write(resolution.config()));
            System.out.println();
            return 0;
        }
    }
}
