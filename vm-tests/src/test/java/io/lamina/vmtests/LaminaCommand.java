package io.lamina.vmtests;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The {@code lamina} command of this checkout, run as a user runs it. */
final class LaminaCommand {
    private static final Path ROOT = checkout();

    /** What a finished command left. */
    record Result(int status, String stdout, String stderr) {
        @Override
        public String toString() {
            return "status " + status + "\n--- stdout\n" + stdout + "--- stderr\n" + stderr;
        }
    }

    private LaminaCommand() {}

    /** The top directory of the checkout. */
    static Path root() {
        return ROOT;
    }

    static Process start(String... arguments) throws IOException {
        List<String> line = new ArrayList<>(List.of(ROOT.resolve("lamina").toString()));
        line.addAll(Arrays.asList(arguments));
        return new ProcessBuilder(line).start();
    }

    static Result run(String... arguments) throws IOException, InterruptedException {
        Process process = start(arguments);
        process.getOutputStream().close();
        CompletableFuture<String> stderr = CompletableFuture.supplyAsync(() -> read(process.getErrorStream()));
        String stdout = read(process.getInputStream());
        if (!process.waitFor(5, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new AssertionError("still running after 5 minutes: lamina " + String.join(" ", arguments));
        }
        return new Result(process.exitValue(), stdout, stderr.join());
    }

    private static String read(java.io.InputStream stream) {
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
