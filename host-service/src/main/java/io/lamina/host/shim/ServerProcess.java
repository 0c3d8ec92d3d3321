package io.lamina.host.shim;

import io.lamina.host.run.Installation;
import io.lamina.linux.Pidfd;
import io.lamina.linux.ProcessIdentity;
import io.lamina.linux.Spawn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** A process that serves a device for as long as its attachment lasts: {@code lamina device serve}, in a session of its own. */
final class ServerProcess {
    private static final String FILE = "server";
    private static final int LOOK_MILLIS = 50;
    private static final int START_PATIENCE_MILLIS = 120_000;
    private static final int END_PATIENCE_MILLIS = 10_000;

    private ServerProcess() {}

    /**
     * Starts a server and waits until it listens.
     *
     * @param lease where it is noted
     * @param untilPid the process that it ends with, 0: none
     */
    static void start(Installation installation, Path lease, Path socket, String image, long untilPid)
            throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of("device", "serve", "--socket", socket.toString()));
        if (untilPid != 0) {
            arguments.addAll(List.of("--until-pid", Long.toString(untilPid)));
        }
        arguments.add(image);
        List<String> environment = new ArrayList<>();
        System.getenv().forEach((name, value) -> environment.add(name + "=" + value));
        environment.add("LAMINA_HOME=" + installation.home());
        try (Pidfd server = Spawn.of(installation.root().resolve("lamina"), arguments)
                .environment(environment)
                .newSession()
                .start()) {
            long start = ProcessIdentity.startTicks(server.pid()).orElse(0);
            AttachmentDirectory.write(
                    lease.resolve(FILE), (server.pid() + " " + start).getBytes(StandardCharsets.US_ASCII));
            for (int waited = 0; Files.notExists(socket); waited += LOOK_MILLIS) {
                Optional<?> ended = server.waitFor(Duration.ofMillis(LOOK_MILLIS));
                if (ended.isPresent() || waited > START_PATIENCE_MILLIS) {
                    server.signal(Pidfd.SIGKILL);
                    throw new IOException("the server of " + image + " did not come to listen at " + socket
                            + "; lamina device serve --socket " + socket + " " + image + " tells why");
                }
            }
        }
    }

    /** Ends the server of a lease, if it has one that still runs, and waits for its end. */
    static void stop(Path lease) throws IOException, InterruptedException {
        Path file = lease.resolve(FILE);
        if (Files.notExists(file)) {
            return;
        }
        String[] words = Files.readString(file).split(" ", -1);
        long pid = Long.parseLong(words[0]);
        Optional<ProcessHandle> server = ProcessHandle.of(pid);
        for (int waited = 0; isRunning(pid, words[1]) && server.isPresent(); waited += LOOK_MILLIS) {
            if (waited == 0) {
                boolean _ = server.get().destroy();
            } else if (waited > END_PATIENCE_MILLIS) {
                boolean _ = server.get().destroyForcibly();
            }
            Thread.sleep(LOOK_MILLIS);
        }
    }

    private static boolean isRunning(long pid, String startTicks) throws IOException {
        OptionalLong start = ProcessIdentity.startTicks(pid);
        return start.isPresent() && Long.toString(start.getAsLong()).equals(startTicks);
    }
}
