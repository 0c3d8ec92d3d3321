package io.lamina.host.cli;

import io.lamina.host.run.RunOptions.TerminalSize;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The terminal that this command was started on, changed by {@code stty(1)} while a machine has it. */
final class HostTerminal implements AutoCloseable {
    private static final TerminalSize NONE = new TerminalSize(24, 80);

    private final String settings;

    private HostTerminal(String settings) {
        this.settings = settings;
    }

    /** Leaves it alone. */
    static HostTerminal unchanged() {
        return new HostTerminal("");
    }

    /** Passes every key on until this is closed; without a terminal, nothing happens. */
    static HostTerminal raw() throws IOException, InterruptedException {
        String settings = stty("-g");
        if (!settings.isEmpty()) {
            String _ = stty("raw", "-echo");
        }
        return new HostTerminal(settings);
    }

    /** Its size, or 24 by 80 where there is none. */
    static TerminalSize size() throws IOException, InterruptedException {
        String[] words = stty("size").split(" ", -1);
        try {
            return words.length == 2 ? new TerminalSize(Integer.parseInt(words[0]), Integer.parseInt(words[1])) : NONE;
        } catch (NumberFormatException noSize) {
            return NONE;
        }
    }

    @Override
    public void close() throws IOException {
        if (settings.isEmpty()) {
            return;
        }
        try {
            String _ = stty(settings);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    /** What it says; empty when standard input is no terminal. */
    private static String stty(String... arguments) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(List.of("stty"));
        line.addAll(List.of(arguments));
        Process process = new ProcessBuilder(line)
                .redirectInput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
        return process.waitFor() == 0 ? said : "";
    }
}
