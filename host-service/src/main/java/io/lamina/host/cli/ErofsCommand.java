package io.lamina.host.cli;

import picocli.CommandLine.Command;

/** {@code lamina erofs}: a look into any EROFS image. */
@Command(
        name = "erofs",
        description = "Looks into EROFS images, of ours or of any writer, without mounting them.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            ErofsFsckCommand.class,
            ErofsListCommand.class,
            ErofsCatCommand.class,
            ErofsStatCommand.class,
            ErofsDumpCommand.class
        })
final class ErofsCommand {}
