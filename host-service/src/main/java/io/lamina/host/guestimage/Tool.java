package io.lamina.host.guestimage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Programs of the build machine: run to their end, with what they said in the exception when they fail. */
final class Tool {
    private static final int SHOWN_CHARACTERS = 4000;

    private Tool() {}

    /**
     * Runs a program and answers what it wrote.
     *
     * @throws IOException if it cannot be run, or ends with another status than 0
     */
    static String run(Path directory, List<String> command) throws IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true);
        builder.environment().put("LC_ALL", "C");
        builder.environment().put("TZ", "UTC");
        Process process = builder.start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        if (status != 0) {
            String shown = output.length() > SHOWN_CHARACTERS
                    ? "…" + output.substring(output.length() - SHOWN_CHARACTERS)
                    : output;
            throw new IOException(String.join(" ", command) + " ended with status " + status + ": " + shown.strip());
        }
        return output;
    }
}
