package io.lamina.host.cli;

import picocli.CommandLine.Command;

/** {@code lamina statement}: what guests may trust of images. */
@Command(
        name = "statement",
        description = {
            "Makes, signs, verifies and shows image statements, and the policies by which guests judge them.",
            "",
            "A statement says which image a device is, and the root hash that proves each block of it: an in-toto statement "
                    + "in a DSSE envelope. The same image gives the same statement on every machine."
        },
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            StatementCreateCommand.class,
            StatementSignCommand.class,
            StatementVerifyCommand.class,
            StatementShowCommand.class,
            StatementPcrCommand.class,
            StatementPolicyCommand.class
        })
final class StatementCommand {}
