package io.lamina.junit;

import java.util.ArrayList;
import java.util.List;

/**
 * What a machine is started with. Machines of equal settings can stand in for each other.
 *
 * @param image as {@code lamina run} takes it
 * @param memory such as {@code 512M}
 * @param cpus virtual processors
 * @param options further arguments for {@code lamina vm serve}
 * @param bootTimeoutSeconds as long may it take until the container is there
 */
public record MachineSettings(String image, String memory, int cpus, List<String> options, int bootTimeoutSeconds) {
    /** Keeps a copy. */
    public MachineSettings {
        options = List.copyOf(options);
    }

    /** A machine of 512 MiB and one processor. */
    public static MachineSettings of(String image) {
        return new MachineSettings(image, "512M", 1, List.of(), 600);
    }

    static MachineSettings of(VmImage asked) {
        return new MachineSettings(
                asked.value(), asked.memory(), asked.cpus(), List.of(asked.options()), asked.bootTimeoutSeconds());
    }

    /** The command line: what {@code lamina.command} or {@code LAMINA_COMMAND} names, or {@code lamina} of the path. */
    List<String> commandLine() {
        String command = System.getProperty("lamina.command", System.getenv().getOrDefault("LAMINA_COMMAND", "lamina"));
        List<String> line = new ArrayList<>(List.of(command, "vm", "serve", "--memory", memory));
        line.addAll(List.of("--cpus", Integer.toString(cpus)));
        line.addAll(options);
        line.add(image);
        return line;
    }
}
