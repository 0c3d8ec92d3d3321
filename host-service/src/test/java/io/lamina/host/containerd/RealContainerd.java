package io.lamina.host.containerd;

import io.lamina.linux.Mount;
import io.lamina.linux.MountTable;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The programs of other people: containerd of a Debian suite, runc and a registry, unpacked from their packages by
 * {@code ./test} (scripts/setup.sh, need_containerd), running on directories of the test.
 */
final class RealContainerd implements AutoCloseable {
    private static final Path PROGRAMS = Optional.ofNullable(System.getenv("LAMINA_CONTAINERD"))
            .map(Path::of)
            .orElseGet(() -> Optional.ofNullable(System.getenv("LAMINA_HOME"))
                    .map(Path::of)
                    .orElse(Path.of(System.getProperty("user.home"), ".cache", "lamina"))
                    .resolve("containerd"));

    private final Path directory;
    private final String suite;
    private final Process process;

    private RealContainerd(Path directory, String suite, Process process) {
        this.directory = directory;
        this.suite = suite;
        this.process = process;
    }

    /** What the tests of this class need of their machine. */
    static void needs(String suite) {
        Machine.needsRoot();
        Machine.needsFileSystem("overlay");
        Machine.needsFileSystem("erofs");
        Machine.needsProgram("skopeo", "busybox", "getfattr");
        Machine.need(
                Files.isExecutable(PROGRAMS.resolve(suite + "/usr/bin/containerd"))
                        && Files.isExecutable(PROGRAMS.resolve("tools/usr/sbin/runc"))
                        && Files.isExecutable(PROGRAMS.resolve("tools/usr/bin/docker-registry")),
                "containerd of Debian " + suite + ", runc and docker-registry, unpacked in " + PROGRAMS);
    }

    /** Where containerd of a test keeps things. */
    static Path socket(Path directory) {
        return directory.resolve("c.sock");
    }

    static Path root(Path directory) {
        return directory.resolve("c-root");
    }

    /**
     * Starts one.
     *
     * @param suite Debian's name of the release that its package is of
     * @param differs in the order in which containerd asks them
     */
    static RealContainerd start(Path directory, String suite, TestDaemon daemon, String differs)
            throws IOException, InterruptedException {
        Files.createDirectories(directory);
        Path program = PROGRAMS.resolve(suite + "/usr/bin/containerd");
        String version =
                output(new ProcessBuilder(program.toString(), "--version")).split(" ", -1)[2];
        String toml = ContainerdToml.of(version, daemon.socket(), daemon.root())
                .replaceFirst(
                        "(?m)^version = .*$",
                        "$0\nroot = \"" + root(directory) + "\"\nstate = \"" + directory.resolve("c-state")
                                + "\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n"
                                + "[grpc]\n  address = \"" + socket(directory) + "\"\n[ttrpc]\n  address = \""
                                + socket(directory) + ".ttrpc\"")
                .replace("[\"lamina-diff\", \"walking\"]", differs);
        Path config = Files.writeString(directory.resolve("config.toml"), toml);
        ProcessBuilder builder = new ProcessBuilder(program.toString(), "-c", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("containerd.log").toFile());
        path(builder, suite);
        RealContainerd started = new RealContainerd(directory, suite, builder.start());
        for (int i = 0; i < 300 && Files.notExists(socket(directory)); i++) {
            Thread.sleep(100);
        }
        return started;
    }

    private static void path(ProcessBuilder builder, String suite) {
        Map<String, String> environment = builder.environment();
        environment.put(
                "PATH",
                PROGRAMS.resolve(suite + "/usr/bin") + ":" + PROGRAMS.resolve("tools/usr/sbin") + ":"
                        + PROGRAMS.resolve("tools/usr/bin") + ":" + environment.get("PATH"));
    }

    /** Runs {@code ctr}; any status but 0 fails the test. */
    String ctr(String... arguments) throws IOException, InterruptedException {
        return output(builder(arguments));
    }

    /** As {@link #ctr}, for two at once. */
    ProcessBuilder builder(String... arguments) {
        List<String> line = new ArrayList<>(List.of(
                PROGRAMS.resolve(suite + "/usr/bin/ctr").toString(),
                "-a",
                socket(directory).toString()));
        line.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(line);
        path(builder, suite);
        return builder;
    }

    /** Whether it is of 2.0 or later. */
    boolean isSecondGeneration() throws IOException, InterruptedException {
        return ctr("--version").contains("/v2");
    }

    /** What it has complained about. */
    String warnings() throws IOException {
        return Files.readAllLines(directory.resolve("containerd.log")).stream()
                .filter(line -> line.contains("level=warn") || line.contains("level=error"))
                .reduce("", (all, line) -> all + line + "\n");
    }

    static String output(ProcessBuilder builder) throws IOException, InterruptedException {
        Process process = builder.redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new AssertionError(
                    String.join(" ", builder.command()) + ": status " + process.exitValue() + ", " + said);
        }
        return said;
    }

    /** A registry on a port of this machine alone. */
    record Registry(Process process, String address) implements AutoCloseable {
        static Registry start(Path directory) throws IOException, InterruptedException {
            int port;
            try (ServerSocket free = new ServerSocket(0)) {
                port = free.getLocalPort();
            }
            Path config = Files.writeString(
                    directory.resolve("registry.yml"),
                    "version: 0.1\nstorage: {filesystem: {rootdirectory: " + directory.resolve("registry")
                            + "}}\nhttp: {addr: \"127.0.0.1:" + port + "\"}\n");
            Process process = new ProcessBuilder(
                            PROGRAMS.resolve("tools/usr/bin/docker-registry").toString(), "serve", config.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(directory.resolve("registry.log").toFile())
                    .start();
            return new Registry(process, "127.0.0.1:" + port);
        }

        /** Puts the image of a layout in and tells its name. */
        String push(Path layout, String name) throws IOException, InterruptedException {
            String reference = address + "/" + name;
            output(new ProcessBuilder(
                    "skopeo",
                    "copy",
                    "-q",
                    "--retry-times=5",
                    "--dest-tls-verify=false",
                    "oci:" + layout + ":latest",
                    "docker://" + reference));
            return reference;
        }

        @Override
        public void close() {
            process.destroy();
        }
    }

    /** Ends all that runs, as a container's runtime keeps it by its name for the whole machine. */
    void endTasks() throws IOException, InterruptedException {
        for (String task : ctr("tasks", "ls", "-q").lines().toList()) {
            ctr("tasks", "delete", "-f", task);
        }
    }

    @Override
    public void close() throws IOException {
        try {
            endTasks();
            process.destroy();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        for (MountTable.Entry entry : MountTable.read().reversed()) {
            if (Path.of(entry.target()).startsWith(directory)) {
                Mount.unmount(entry.target(), Mount.MNT_DETACH);
            }
        }
    }
}
