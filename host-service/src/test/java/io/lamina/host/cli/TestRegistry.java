package io.lamina.host.cli;

import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Debian's docker-registry on a port of this machine's own address, without encryption.
 *
 * @param host its name and port, as names of images have it
 */
record TestRegistry(Process process, String host) implements AutoCloseable {
    private static final Path PROGRAM = Optional.ofNullable(System.getenv("LAMINA_CONTAINERD"))
            .map(Path::of)
            .orElse(Path.of(System.getProperty("user.home"), ".cache", "lamina", "containerd"))
            .resolve("tools/usr/bin/docker-registry");

    /** Starts one that keeps its files in a directory. */
    static TestRegistry start(Path directory) throws IOException, InterruptedException {
        Machine.need(Files.isExecutable(PROGRAM), "docker-registry, unpacked as " + PROGRAM);
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        String host = "127.0.0.1:" + port;
        Path config = Files.writeString(
                directory.resolve("registry.yml"),
                "version: 0.1\nstorage: {filesystem: {rootdirectory: " + directory.resolve("registry")
                        + "}}\nhttp: {addr: \"" + host + "\"}\n");
        Process process = new ProcessBuilder(PROGRAM.toString(), "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("registry.log").toFile())
                .start();
        for (int i = 0; i < 100 && !answers(port); i++) {
            Thread.sleep(100);
        }
        return new TestRegistry(process, host);
    }

    private static boolean answers(int port) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    @Override
    public void close() {
        process.destroy();
    }
}
