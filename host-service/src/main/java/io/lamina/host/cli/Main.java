package io.lamina.host.cli;

import io.lamina.images.hash.Sha256;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The {@code lamina} command. */
@Command(
        name = "lamina",
        description = "One verified, flattened block device per OCI image, for virtual machines.",
        synopsisSubcommandLabel = "COMMAND",
        versionProvider = BuildVersion.class,
        mixinStandardHelpOptions = true,
        subcommands = {
            QuickstartCommand.class,
            RunCommand.class,
            VmCommand.class,
            PullCommand.class,
            PushCommand.class,
            ImagesCommand.class,
            RmiCommand.class,
            InspectCommand.class,
            TagCommand.class,
            ExportCommand.class,
            ImportCommand.class,
            MapCommand.class,
            ExplainCommand.class,
            LayerCommand.class,
            DeviceCommand.class,
            ErofsCommand.class,
            GuestCommand.class,
            AttachCommand.class,
            DetachCommand.class,
            BundleCommand.class,
            DoctorCommand.class,
            StatementCommand.class,
            VerifyEvidenceCommand.class,
            ServeCommand.class,
            StoreCommand.class,
            StatusCommand.class,
            ContainerdCommand.class,
            SupportBundleCommand.class,
            CompletionCommand.class,
            ManCommand.class,
            HelpCommand.class
        },
        footerHeading = "%nExit status:%n",
        footer = {
            "  of the command in the virtual machine, for run; else",
            "  0    done",
            "  1    the bundle breaks a rule, for bundle",
            "  2    the command line is wrong",
            "  123  the image, or the machine that it runs in, failed a check of integrity",
            "  125  Lamina failed; the message says why and what to do",
            "  126  the command cannot be run, 127 it was not found"
        })
public final class Main {
    private Main() {}

    /** Runs one command and ends the process with its status. */
    public static void main(String[] arguments) {
        // Nearly every command hashes; the library is bound while the command line is read.
        Thread.ofPlatform().daemon().start(Sha256::create);
        System.exit(NamedCommand.of(Main.class, arguments).execute());
    }

    /** The whole tree of commands. */
    static CommandLine commandLine() {
        return configured(new CommandLine(new Main()));
    }

    /** How every command reports and reads. */
    static CommandLine configured(CommandLine line) {
        return line.setExecutionExceptionHandler(Failures::report)
                .setUsageHelpAutoWidth(true)
                .setCaseInsensitiveEnumValuesAllowed(true);
    }
}
