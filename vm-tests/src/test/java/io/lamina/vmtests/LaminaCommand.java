package io.lamina.vmtests;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The {@code lamina} command of this checkout, run as a user runs it, with a home of its own. */
public final class LaminaCommand {
    private static final Path ROOT = checkout();

    /** A variable that the harness's machines are known by: they wait for the next test, whatever that is. */
    private static final String OF_HARNESS = "LAMINA_TEST_HARNESS=";

    private final Path home;

    /** @param home what {@code LAMINA_HOME} is: blobs, guest images and keys of these tests */
    LaminaCommand(Path home) {
        this.home = home;
    }

    /** What a finished program left. */
    record Result(int status, String stdout, String stderr) {
        @Override
        public String toString() {
            return "status " + status + "\n--- stdout\n" + stdout + "--- stderr\n" + stderr;
        }
    }

    /** The checkout that these tests run in. */
    public static Path root() {
        return ROOT;
    }

    /** Where the command keeps things. */
    Path home() {
        return home;
    }

    /** The command as a program of its own, with this home, for those who start it by name. */
    Path script() throws IOException {
        Path script = Files.createDirectories(home).resolve("lamina");
        Files.writeString(
                script,
                "#!/bin/sh\nLAMINA_HOME=" + home + " exec " + ROOT.resolve("lamina") + " --no-install \"$@\"\n");
        if (!script.toFile().setExecutable(true)) {
            throw new IOException(script + " cannot be made executable");
        }
        return script;
    }

    /** Starts the command and does not wait; its output is thrown away. */
    Process start(String... arguments) throws IOException {
        ProcessBuilder builder = builder(List.of(arguments))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        return builder.start();
    }

    /** Runs the command to its end. */
    Result run(String... arguments) throws IOException, InterruptedException {
        return finish(builder(List.of(arguments)).start(), String.join(" ", arguments));
    }

    /** Runs another program to its end, which must be a good one. */
    static void tool(String... line) throws IOException, InterruptedException {
        Result result = finish(new ProcessBuilder(line).start(), line[0]);
        if (result.status != 0) {
            throw new AssertionError(String.join(" ", line) + ": " + result);
        }
    }

    /** Command lines of the processes that a start of this command has brought about and that still run. */
    List<String> processes() throws IOException {
        List<String> lines = new ArrayList<>();
        try (Stream<Path> all = Files.list(Path.of("/proc"))) {
            for (Path process :
                    all.filter(p -> p.getFileName().toString().matches("\\d+")).toList()) {
                try {
                    String line = Files.readString(process.resolve("cmdline")).replace('\0', ' ');
                    boolean machine = line.contains("qemu-system") && line.contains(home.toString());
                    boolean java = line.contains(ROOT + "/host-service/target/lib")
                            && Files.readString(process.resolve("environ"), StandardCharsets.ISO_8859_1)
                                    .contains(home.toString());
                    boolean dataPlane = line.contains(ROOT.toString()) && line.contains("server.DataPlane");
                    if ((machine || java || dataPlane) && !ofHarness(process)) {
                        lines.add(line);
                    }
                } catch (IOException gone) {
                    // It ended while we looked.
                }
            }
        }
        return lines;
    }

    /** Whether a process, or the command that has started it, is one of the harness's. */
    private static boolean ofHarness(Path process) throws IOException {
        String parent = Files.readAllLines(process.resolve("status")).stream()
                .filter(line -> line.startsWith("PPid:"))
                .map(line -> line.substring("PPid:".length()).strip())
                .findFirst()
                .orElseThrow();
        for (Path each : List.of(process, Path.of("/proc", parent))) {
            if (Files.readString(each.resolve("environ"), StandardCharsets.ISO_8859_1)
                    .contains(OF_HARNESS)) {
                return true;
            }
        }
        return false;
    }

    private ProcessBuilder builder(List<String> arguments) {
        List<String> line = new ArrayList<>(List.of(ROOT.resolve("lamina").toString(), "--no-install"));
        line.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(line);
        builder.environment().put("LAMINA_HOME", home.toString());
        return builder;
    }

    private static Result finish(Process process, String what) throws IOException, InterruptedException {
        process.getOutputStream().close();
        CompletableFuture<String> stderr = CompletableFuture.supplyAsync(() -> read(process.getErrorStream()));
        CompletableFuture<String> stdout = CompletableFuture.supplyAsync(() -> read(process.getInputStream()));
        if (!process.waitFor(10, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new AssertionError("still running after 10 minutes: " + what);
        }
        return new Result(process.exitValue(), stdout.join(), stderr.join());
    }

    private static String read(InputStream stream) {
        try {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static Path checkout() {
        Path directory = Path.of("").toAbsolutePath();
        while (!Files.isExecutable(directory.resolve("lamina"))) {
            directory = directory.getParent();
            if (directory == null) {
                throw new AssertionError("these tests run within a checkout");
            }
        }
        return directory;
    }
}
