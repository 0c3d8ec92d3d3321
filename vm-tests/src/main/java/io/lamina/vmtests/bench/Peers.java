package io.lamina.vmtests.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The programs to compare with: those of this machine, or of another Debian system unpacked in a directory. */
final class Peers {
    private static final List<String> PLACES = List.of("usr/bin", "usr/sbin", "bin", "sbin");

    private final Path root;

    /** @param root {@code /}, or where the other system is unpacked; its programs run here with its own libraries */
    Peers(Path root) {
        this.root = root;
    }

    /** The words that start {@code program}. */
    List<String> command(String program, String... arguments) throws IOException {
        List<String> words = new ArrayList<>();
        Path found = find(program);
        if (!root.equals(Path.of("/"))) {
            words.add(root.resolve("lib64/ld-linux-x86-64.so.2").toString());
            words.add("--library-path");
            words.add(root.resolve("usr/lib/x86_64-linux-gnu") + ":" + root.resolve("lib/x86_64-linux-gnu"));
        }
        words.add(found.toString());
        words.addAll(List.of(arguments));
        return words;
    }

    private Path find(String program) throws IOException {
        try (Stream<String> places = PLACES.stream()) {
            return places.map(place -> root.resolve(place).resolve(program))
                    .filter(Files::isExecutable)
                    .findFirst()
                    .orElseThrow(() -> new IOException("no " + program + " in " + root));
        }
    }

    /** The first line that a program says of itself. */
    String version(String program) throws IOException, InterruptedException {
        return run(command(program, "--version"), null).lines().findFirst().orElse("?");
    }

    /** Runs a program to its end; any status but 0 is an error. Gives what it printed. */
    static String run(List<String> command, @Nullable Path input) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.redirectInput(
                input == null
                        ? ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile())
                        : ProcessBuilder.Redirect.from(input.toFile()));
        Process process = builder.start();
        String output;
        try (InputStream out = process.getInputStream()) {
            output = new String(out.readAllBytes(), StandardCharsets.UTF_8);
        }
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " ended with " + process.exitValue() + ": " + output);
        }
        return output;
    }
}
