package io.lamina.host.cli;

import picocli.CommandLine.Command;

/** {@code lamina layer}: layers as files. */
@Command(
        name = "layer",
        description = "Converts layers of container images to EROFS and back, merges and compares them.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            LayerCacheCommand.class,
            LayerConvertCommand.class,
            LayerMergeCommand.class,
            LayerExportCommand.class,
            LayerDiffCommand.class
        })
final class LayerCommand {}
