package io.lamina.guest;

import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.linux.Clock;
import io.lamina.linux.Reboot;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** The first program of ours in the guest: its end is the end of the machine, unless it has a root to hand over. */
public final class Agent {
    /** What the initramfs holds for the agent: whom to believe. */
    private static final Path HOME = Path.of("/lamina");

    private static final String HAND_OVER = "--hand-over";

    /** Nothing was handed over. */
    private static final int STATUS_FAILED = 1;

    private Agent() {}

    /**
     * Runs one session and powers the machine off; a failure is told on the console, which the host shows on request. With
     * the arguments {@code --hand-over PATH}, which the guest's own initramfs gives, nothing is run: the proved root is
     * mounted at the path and the process ends with status 0, or with another one, and nothing at the path.
     */
    public static void main(String[] arguments) throws IOException {
        Thread _ = WarmUp.start(HOME);
        long startedNanos = Clock.bootTimeNanos();
        Optional<Path> handOver = arguments.length == 2 && arguments[0].equals(HAND_OVER)
                ? Optional.of(Path.of(arguments[1]))
                : Optional.empty();
        boolean handedOver = false;
        try {
            handedOver = run(startedNanos, handOver);
        } catch (IOException | InterruptedException | RuntimeException | Error failure) {
            System.err.println("lamina agent: " + failure);
        } finally {
            if (handOver.isEmpty()) {
                Reboot.powerOff();
            }
        }
        if (!handedOver) {
            System.exit(STATUS_FAILED);
        }
    }

    private static boolean run(long startedNanos, Optional<Path> handOver) throws IOException, InterruptedException {
        Modules.load(Modules.START);
        Path node = SystemDevices.REAL
                .port(HostPort.NAME)
                .orElseThrow(() -> new IOException("no virtio-serial port named " + HostPort.NAME));
        try (HostPort port = new HostPort(node);
                MessageChannel<HostMessage, GuestMessage> channel =
                        new MessageChannel<>(port.input(), port.output(), HostMessage.parser())) {
            return new Session(channel, SystemDevices.REAL, HOME, handOver).run(startedNanos);
        }
    }
}
