package io.lamina.host.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina device root}. */
@Command(
        name = "root",
        description = {
            "Tells the root hash of the device that an image or some layers make, and the shape of the hash tree.",
            "",
            "It is dm-verity's (format 1, sha256, salt of 32 zero bytes), over fsmeta and all layers; the tree lies behind "
                    + "them. The same image gives the same root hash on every machine."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {"  lamina device root oci:build/layout:latest", "  lamina device root base.erofs top.erofs --json"})
final class DeviceRootCommand implements Callable<Integer> {
    @Mixin
    private DeviceArguments arguments = new DeviceArguments();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        arguments.withDevice(device -> form.print(arguments.describe(device)));
        return 0;
    }
}
