package io.lamina.host.cli;

import io.lamina.agent.protocol.Integrity;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.ImageRun;
import io.lamina.host.run.Installation;
import io.lamina.host.run.MachineRequests;
import io.lamina.host.run.RunOptions;
import io.lamina.host.run.TrustOptions;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina vm}: machines in the service of other programs. */
@Command(
        name = "vm",
        description = "Virtual machines in the service of other programs, such as test suites.",
        mixinStandardHelpOptions = true,
        subcommands = VmCommand.Serve.class)
final class VmCommand {
    /** {@code lamina vm serve}. */
    @Command(
            name = "serve",
            description = {
                "Boots an image and does in it what comes as requests on standard input, one JSON object a line; what comes of "
                        + "them is told on standard output in the same form.",
                "",
                "The machine belongs to the calling program: it ends with this command, and this command with its standard "
                        + "input. docs/ci-harness.md lists requests and events."
            },
            mixinStandardHelpOptions = true,
            footerHeading = "%nExamples:%n",
            footer = {
                "  lamina vm serve oci:build/layout:latest",
                "  {\"id\": 1, \"request\": \"exec\", \"command\": [\"uname\", \"-r\"]}"
            })
    static final class Serve implements Callable<Integer> {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Option(
                names = "--policy",
                paramLabel = "FILE",
                description = "Give the guest this policy, made by 'lamina statement policy'; needs --key.")
        private @Nullable Path policy;

        @Option(
                names = "--key",
                paramLabel = "FILE",
                description = "Sign the image statement with this PEM key instead of one of this machine's.")
        private @Nullable Path key;

        @Mixin
        private MachineOptions machine = new MachineOptions();

        @Parameters(index = "0", paramLabel = "IMAGE", description = ImageArgument.WORDS)
        private String image = "";

        @Override
        public Integer call() throws IOException, InterruptedException {
            RunOptions options = new RunOptions(
                    ImageArgument.reference(spec, image),
                    RunOptions.Task.OWN_COMMAND,
                    Integrity.INTEGRITY_ROOT,
                    machine.machine(),
                    new TrustOptions(
                            Optional.ofNullable(key),
                            Optional.empty(),
                            List.of(),
                            1,
                            Optional.ofNullable(policy),
                            Optional.empty()),
                    RunOptions.Diagnosis.NONE);
            // Events are whole lines for a program; System.out would look at each byte for line ends.
            MachineRequests requests = new MachineRequests(System.in, new FileOutputStream(FileDescriptor.out));
            requests.listen();
            return new ImageRun(Installation.current(), new Steps(System.err, false), requests).run(options);
        }
    }
}
