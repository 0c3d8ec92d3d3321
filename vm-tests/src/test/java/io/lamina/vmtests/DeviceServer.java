package io.lamina.vmtests;

import io.lamina.host.cli.Main;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code lamina device serve} as a process of its own, and the data plane that it has started. */
final class DeviceServer implements AutoCloseable {
    private final List<String> command;
    private Process process;

    /** Starts it and waits until it listens. */
    DeviceServer(String... arguments) throws IOException {
        command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-XX:+UseSerialGC"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName(), "device", "serve"));
        command.addAll(List.of(arguments));
        process = start();
    }

    private Process start() throws IOException {
        Process started = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String line = started.inputReader().readLine();
        if (line == null || !line.startsWith("listening on ")) {
            throw new AssertionError("the server said " + line);
        }
        return started;
    }

    /** Kills the data plane or, if it is not that, the command, and waits until both are gone. */
    void kill(boolean dataPlane) {
        List<ProcessHandle> children = process.descendants().toList();
        (dataPlane ? children.getFirst() : process.toHandle()).destroyForcibly();
        process.onExit().join();
        children.forEach(child -> child.onExit().join());
    }

    /** Ends it as an administrator does; answers its status. */
    int end() {
        process.destroy();
        return process.onExit().join().exitValue();
    }

    /** Starts it again after {@link #kill} or {@link #end}. */
    void startAgain() throws IOException {
        process = start();
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
