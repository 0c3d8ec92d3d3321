package io.lamina.images.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Runs the programs that tests compare with. */
public final class Programs {
    private Programs() {}

    /** Runs {@code words} to its end and returns what it wrote; any status but 0 is an error. */
    public static String run(String... words) throws IOException, InterruptedException {
        Result result = tryRun(words);
        if (result.status != 0) {
            throw new IOException(List.of(words) + " ended with " + result.status + ": " + result.output);
        }
        return result.output;
    }

    /** Runs {@code words} to its end. */
    public static Result tryRun(String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("env", "LC_ALL=C", "PATH=/usr/sbin:/sbin:/usr/bin:/bin"));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), output);
    }

    /** Exit status and all output of a program. */
    public record Result(int status, String output) {}
}
