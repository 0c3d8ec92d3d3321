package io.lamina.host.cli;

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
            LayerCommand.class,
            DeviceCommand.class,
            ErofsCommand.class,
            GuestCommand.class,
            ServeCommand.class,
            StoreCommand.class,
            StatusCommand.class,
            ContainerdCommand.class,
            HelpCommand.class
        },
        footerHeading = "%nExit status:%n",
        footer = {
            "  of the command in the virtual machine, for run; else",
            "  0    done",
            "  2    the command line is wrong",
            "  123  the image, or the machine that it runs in, failed a check of integrity",
            "  125  Lamina failed; the message says why and what to do",
            "  126  the command cannot be run, 127 it was not found"
        })
public final class Main {
    private Main() {}

    /** Runs one command and ends the process with its status. */
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        return new CommandLine(new Main())
                .setExecutionExceptionHandler(Failures::report)
                .setUsageHelpAutoWidth(true)
                .setCaseInsensitiveEnumValuesAllowed(true);
    }
}
