package io.lamina.host.cli;

import io.lamina.host.api.Daemon;
import io.lamina.host.ops.Systemd;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lamina serve}. */
@Command(
        name = "serve",
        description = {
            "Runs the daemon: containerd's snapshotter and differ, on a socket for their owner alone.",
            "",
            "With --json one line says when it listens. It runs until SIGTERM or SIGINT, and then lets calls under way end. Mounts stay, for containers may use them; "
                    + "the next start finds them. 'lamina containerd config' prints what containerd must be told."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExamples:%n",
        footer = {
            "  lamina serve --root /var/lib/lamina --socket /run/lamina/lamina.sock",
            "  lamina serve --config /etc/lamina/lamina.conf"
        })
final class ServeCommand implements Callable<Integer> {
    @Mixin
    private StoreOptions options = new StoreOptions();

    @Mixin
    private Answer.Form form = new Answer.Form();

    @Override
    public Integer call() throws IOException, InterruptedException {
        // Read by the logging when its first user comes, which is the daemon.
        System.setProperty("lamina.log", options.configuration().oneOf("log", "text", "json"));
        Daemon daemon = Daemon.start(options.configuration(), options.paths(), BuildVersion.text());
        if (form.json()) {
            form.print(new Answer()
                    .withHidden("pid", ProcessHandle.current().pid())
                    .withHidden("socket", options.paths().socket().toString()));
            System.out.flush();
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(daemon), "stop"));
        new CountDownLatch(1).await(); // the hook ends the process
        return 0;
    }

    private static void stop(Daemon daemon) {
        try {
            Systemd.say("STOPPING=1");
            daemon.close();
        } catch (IOException failure) {
            System.err.println("lamina: while stopping: " + failure.getMessage());
        }
    }
}
