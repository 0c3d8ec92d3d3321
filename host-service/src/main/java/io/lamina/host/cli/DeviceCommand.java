package io.lamina.host.cli;

import picocli.CommandLine.Command;

/** {@code lamina device}: images as block devices. */
@Command(
        name = "device",
        description = "Makes one block device of an image, serves it, and tells what proves it.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {DeviceFlattenCommand.class, DeviceRootCommand.class, DeviceServeCommand.class})
final class DeviceCommand {}
