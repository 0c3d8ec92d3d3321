package io.lamina.host.run;

import io.lamina.linux.DescriptorStreams;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Pipe;
import io.lamina.linux.Spawn;
import io.lamina.shim.qemu.QemuMachine;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A QEMU process and its console. It dies with the thread that started it, by the kernel's parent-death signal: start it
 * from a thread that lives as long as the machine shall.
 */
final class VirtualMachine implements AutoCloseable {
    private static final Path SETPRIV = Path.of("/usr/bin/setpriv");
    private static final Duration END_PATIENCE = Duration.ofSeconds(10);

    private final Pidfd process;
    private final Console console;

    private VirtualMachine(Pidfd process, Console console) {
        this.process = process;
        this.console = console;
    }

    /**
     * Starts {@code machine}.
     *
     * @param qemu the program
     * @param descriptors what the machine's descriptor numbers are; taken over, so that QEMU alone holds them afterwards
     *     and its end is the end of its sockets
     */
    static VirtualMachine start(Path qemu, QemuMachine machine, Map<Integer, OwnedFd> descriptors) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("--pdeathsig", "KILL", "--", qemu.toString()));
        arguments.addAll(machine.arguments());
        Pipe output = Pipe.create();
        try (OwnedFd childEnd = output.writeEnd()) {
            Spawn program = Spawn.of(SETPRIV, arguments)
                    .environment(List.of("PATH=/usr/bin:/bin"))
                    .descriptor(1, childEnd)
                    .descriptor(2, childEnd)
                    .newSession();
            descriptors.forEach(program::descriptor);
            return new VirtualMachine(program.start(), new Console(DescriptorStreams.input(output.readEnd())));
        } catch (IOException failure) {
            output.close();
            throw failure;
        } finally {
            descriptors.values().forEach(OwnedFd::close);
        }
    }

    /** The newest lines of the console. */
    String consoleTail() {
        return console.tail(25);
    }

    /** Waits for a machine that was asked to power off, and ends it when it does not. */
    void awaitPowerOff() throws IOException {
        if (process.waitFor(END_PATIENCE).isEmpty()) {
            process.signal(Pidfd.SIGKILL);
        }
    }

    /** Ends the machine at once if it still runs. */
    @Override
    public void close() throws IOException {
        try (process) {
            process.signal(Pidfd.SIGKILL);
            process.waitFor();
        }
    }
}
