package io.lamina.guest;

import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.linux.Clock;
import io.lamina.linux.KernelModule;
import io.lamina.linux.Reboot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The first program of ours in the guest: its end is the end of the machine. */
public final class Agent {
    /** What the initramfs holds for the agent: the modules to load, and whom to believe. */
    private static final Path HOME = Path.of("/lamina");

    private Agent() {}

    /** Runs one session and powers the machine off; a failure is told on the console, which the host shows on request. */
    public static void main(String[] arguments) throws IOException {
        long startedNanos = Clock.bootTimeNanos();
        try {
            run(startedNanos);
        } catch (IOException | InterruptedException | RuntimeException | Error failure) {
            System.err.println("lamina agent: " + failure);
        } finally {
            Reboot.powerOff();
        }
    }

    private static void run(long startedNanos) throws IOException, InterruptedException {
        for (String module : Files.readAllLines(HOME.resolve("modules.load"))) {
            if (!module.equals(LoopDevice.MODULE)) {
                KernelModule.load(HOME.resolve("modules").resolve(module));
            }
        }
        Path node = SystemDevices.REAL
                .port(HostPort.NAME)
                .orElseThrow(() -> new IOException("no virtio-serial port named " + HostPort.NAME));
        try (HostPort port = new HostPort(node);
                MessageChannel<HostMessage, GuestMessage> channel =
                        new MessageChannel<>(port.input(), port.output(), HostMessage.parser())) {
            new Session(channel, SystemDevices.REAL, HOME).run(startedNanos);
        }
    }
}
