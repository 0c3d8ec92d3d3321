package io.lamina.host.cli;

import io.lamina.agent.protocol.Integrity;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.run.RunOptions;
import io.lamina.host.run.TrustOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lamina run}. */
@Command(
        name = "run",
        description = {
            "Runs a command of an image in a virtual machine that has proved the image.",
            "",
            "The exit status is the command's. Without a command, the image's own is run; its environment, working "
                    + "directory and user apply to both."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina run debian:12 -- cat /etc/os-release    # after 'lamina pull debian:12'",
            "  lamina run oci:build/layout:latest -- /bin/sh -c 'id; uname -r'",
            "  lamina run -i debian:12 -- sha256sum < file",
            "  lamina run -t -e TERM=xterm debian:12 -- bash",
            "  lamina run --integrity=eager docker-archive:image.tar",
            "  lamina run --statement s.json --trust a.pem,b.pem --threshold 2 oci:build/layout",
            "  lamina run --tamper 1024 oci:build/layout      # fails, naming block 0"
        })
final class RunCommand implements Callable<Integer> {
    enum IntegrityMode {
        ROOT(Integrity.INTEGRITY_ROOT),
        EAGER(Integrity.INTEGRITY_EAGER),
        DIFFID(Integrity.INTEGRITY_DIFFID),
        OFF(Integrity.INTEGRITY_OFF);

        private final Integrity integrity;

        IntegrityMode(Integrity integrity) {
            this.integrity = integrity;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--integrity",
            paramLabel = "MODE",
            defaultValue = "root",
            description = {
                "root: each block is checked when it is read (default). eager: all of them before the command starts. "
                        + "diffid: the guest gets the layers' tars and makes metadata and hash tree itself, so that no "
                        + "conversion need be trusted; it reads and hashes all of them before the start. off: none."
            })
    private IntegrityMode integrity = IntegrityMode.ROOT;

    @Option(
            names = "--key",
            paramLabel = "FILE",
            description = "Sign the image statement, which is made now, with this PEM key.")
    private @Nullable Path key;

    @Option(
            names = "--statement",
            paramLabel = "FILE",
            description = "Show the guest this signed statement instead of making one; see 'lamina statement'.")
    private @Nullable Path statement;

    @Mixin
    private TrustedKeyOptions trusted = new TrustedKeyOptions();

    @Option(
            names = "--policy",
            paramLabel = "FILE",
            description =
                    "Give the guest this policy, made by 'lamina statement policy', instead of --trust and --threshold.")
    private @Nullable Path policy;

    @Option(
            names = "--tamper",
            paramLabel = "OFFSET",
            description = "Flip the byte at this offset of the device on its way to the guest, to see it refused.")
    private @Nullable Long tamperOffsetBytes;

    @Option(
            names = "--keep",
            paramLabel = "DIR",
            description = "Leave fsmeta, statement, extent list, console and the machine's command line in DIR.")
    private @Nullable Path keep;

    @Option(
            names = {"-e", "--env"},
            paramLabel = "NAME=VALUE",
            description = "Set this variable for the command, over the image's; can be given several times.")
    private List<String> environment = List.of();

    @Option(
            names = {"-i", "--interactive"},
            description = "Give the command what comes on standard input; else it reads nothing.")
    private boolean interactive;

    @Option(
            names = {"-t", "--tty"},
            description = "Give the command a terminal, with input, of the size of this one.")
    private boolean tty;

    @Option(names = "--verbose", description = "Tell each step, and the times at the end, on standard error.")
    private boolean verbose;

    @Mixin
    private EvidenceArguments evidence = new EvidenceArguments();

    @Mixin
    private RunForm form = new RunForm();

    @Mixin
    private MachineOptions machine = new MachineOptions();

    @Parameters(index = "0", paramLabel = "IMAGE", description = ImageArgument.WORDS)
    private String image = "";

    @Parameters(index = "1..*", paramLabel = "-- CMD ARG", arity = "0..*", description = "What to run.")
    private List<String> command = List.of();

    @Override
    public Integer call() throws IOException, InterruptedException {
        String reference = ImageArgument.reference(spec, image);
        RunOptions options = new RunOptions(
                reference,
                task(),
                integrity.integrity,
                machine.machine(),
                trustOptions(),
                new RunOptions.Diagnosis(
                        tamperOffsetBytes == null ? OptionalLong.empty() : OptionalLong.of(tamperOffsetBytes),
                        Optional.ofNullable(keep)));
        Steps steps = new Steps(System.err, verbose);
        try (HostTerminal _ = tty ? HostTerminal.raw() : HostTerminal.unchanged()) {
            return form.run(Installation.current(), steps, options, verbose);
        }
    }

    private RunOptions.Task task() throws IOException, InterruptedException {
        for (String variable : environment) {
            if (variable.indexOf('=') <= 0) {
                throw new ParameterException(spec.commandLine(), "--env is NAME=VALUE, not '" + variable + "'");
            }
        }
        return new RunOptions.Task(
                command, environment, interactive || tty, tty ? Optional.of(HostTerminal.size()) : Optional.empty());
    }

    private TrustOptions trustOptions() {
        if (key != null && statement != null) {
            throw new ParameterException(
                    spec.commandLine(), "--key signs a statement made now, --statement brings one");
        }
        if (policy != null && trusted.given()) {
            throw new ParameterException(spec.commandLine(), "--policy has keys and threshold: leave --trust out");
        }
        return new TrustOptions(
                Optional.ofNullable(key),
                Optional.ofNullable(statement),
                trusted.files(),
                trusted.threshold(),
                Optional.ofNullable(policy),
                evidence.options());
    }
}
