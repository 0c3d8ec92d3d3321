package io.lamina.host.cli;

import io.lamina.host.attach.ReadCheck;
import io.lamina.host.run.RunOptions;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** A virtual machine and its disk, as every command that starts one takes it. */
final class MachineOptions {
    private static final int MIN_MEMORY_MIB = 256;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "512M",
            converter = Mebibytes.class,
            description = "Guest memory, such as 512M or 2G (default ${DEFAULT-VALUE}).")
    private int memoryMiB;

    @Option(
            names = "--cpus",
            paramLabel = "N",
            defaultValue = "1",
            description = "Virtual processors, 1 to 64 (default ${DEFAULT-VALUE}).")
    private int cpus;

    @Option(
            names = "--verify-on-read",
            paramLabel = "WHEN",
            defaultValue = "off",
            description = {
                "Check blocks on this host too, before the machine gets them: off (default), once, until a block was found "
                        + "right, or always."
            })
    private ReadCheck verifyOnRead = ReadCheck.OFF;

    @Option(
            names = "--scratch",
            paramLabel = "SIZE",
            converter = Mebibytes.class,
            description = {
                "Give the machine a disk of this size for its writable layer, such as 10G, which the guest encrypts with a key "
                        + "of its own; it is gone with the machine. Without it that layer is in guest memory."
            })
    private int scratchMiB;

    RunOptions.Machine machine() {
        if (memoryMiB < MIN_MEMORY_MIB) {
            throw new ParameterException(
                    command.commandLine(),
                    "--memory is at least " + MIN_MEMORY_MIB + "M: the guest image and its agent need that");
        }
        if (cpus < 1 || cpus > 64) {
            throw new ParameterException(command.commandLine(), "--cpus is 1 to 64, not " + cpus);
        }
        return new RunOptions.Machine(memoryMiB, cpus, verifyOnRead, (long) scratchMiB << 20);
    }

    private static final class Mebibytes implements ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            if (!text.matches("[0-9]{1,6}[MG]")) {
                throw new TypeConversionException("'" + text + "' is no size such as 512M or 2G");
            }
            int number = Integer.parseInt(text.substring(0, text.length() - 1));
            return text.endsWith("G") ? Math.multiplyExact(number, 1024) : number;
        }
    }
}
