package io.lamina.images.oracle;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program run to its end. */
public final class Command {
    private static final int TIMEOUT_SECONDS = 300;

    private Command() {}

    /**
     * Runs a program and gives what it printed.
     *
     * @throws IOException if it cannot be started, fails, or takes over five minutes; the message has its output
     */
    public static String run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                throw new IOException(String.join(" ", command) + " does not end: " + output);
            }
            if (process.exitValue() != 0) {
                throw new IOException(
                        String.join(" ", command) + " ended with " + process.exitValue() + ": " + output.strip());
            }
            return output;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for " + String.join(" ", command), interrupted);
        } finally {
            process.destroyForcibly();
        }
    }

    /** {@link #run(List)} for fixed words. */
    public static String run(String... command) throws IOException {
        return run(List.of(command));
    }
}
