package io.lamina.host.containerd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A daemon on a socket that systemd has made: its own tool for that plays the part. */
class ActivatedDaemonTest {
    @TempDir
    private Path directory;

    @Test
    void theFirstCallStartsTheDaemonAndTheSocketStaysWhenItEnds() throws Exception {
        Machine.needsProgram("systemd-socket-activate");
        Path socket = directory.resolve("l.sock");
        Process manager = new ProcessBuilder(
                        "systemd-socket-activate",
                        "--listen=" + socket,
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.lamina.host.cli.Main",
                        "serve",
                        "--root",
                        directory.resolve("store").toString(),
                        "--socket",
                        socket.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile())
                .start();
        try {
            for (int i = 0; i < 600 && Files.notExists(socket); i++) {
                Thread.sleep(50);
            }
            try (TestDaemon client = TestDaemon.connect(directory)) {
                assertEquals(manager.pid(), client.status().getPid(), this::log); // it has become the daemon
                client.prepare("k", "");
                assertEquals(1, client.list().size());
            }
            manager.destroy();
            assertTrue(manager.waitFor(60, TimeUnit.SECONDS), this::log);
            assertTrue(Files.exists(socket), this::log);
        } finally {
            manager.destroyForcibly().waitFor();
        }
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("log"));
        } catch (IOException none) {
            return none.toString();
        }
    }
}
