package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import picocli.CommandLine;

/** Runs commands in a directory: {@code lamina} in this process, as a user calls it, and programs of the machine. */
final class Shell {
    private final Path directory;
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final StringWriter errors = new StringWriter();

    Shell(Path directory) {
        this.directory = directory;
    }

    /** A file of the directory, as a word of a command. */
    String at(String name) {
        return directory.resolve(name).toString();
    }

    /** What {@code lamina} prints on success, read as JSON. */
    JsonObject json(String... arguments) throws IOException {
        return JsonParser.parse(arguments[0], words(arguments).getBytes(StandardCharsets.UTF_8))
                .object();
    }

    /** What {@code lamina} prints on success. */
    String words(String... arguments) {
        assertEquals(0, status(arguments), () -> String.join(" ", arguments) + ": " + errors);
        return output.toString(StandardCharsets.UTF_8);
    }

    /** The status that {@code lamina} ends with; what it complains of is in {@link #errors}. */
    int status(String... arguments) {
        output.reset();
        errors.getBuffer().setLength(0);
        PrintStream before = System.out;
        System.setOut(new PrintStream(output, true, StandardCharsets.UTF_8));
        try {
            CommandLine command = Main.commandLine();
            command.setErr(new PrintWriter(errors, true));
            return command.execute(arguments);
        } finally {
            System.setOut(before);
        }
    }

    /** What the last command complained of. */
    String errors() {
        return errors.toString();
    }

    /** Runs another program, which must succeed; what it prints. */
    static String run(String... words) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
        builder.environment().put("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        Process process = builder.start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), () -> String.join(" ", words) + ": " + said);
        return said;
    }
}
