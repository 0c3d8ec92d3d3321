package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Every command of the documents of images and of the command line, run in their order; and what every command has to have. */
class DocumentedCommandsTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"registry.md", "cli.md"})
    void theCommandsOfADocumentDoWhatItSays(String document) throws IOException, InterruptedException {
        Machine.needsProgram("bash", "tar", "openssl");
        Files.createDirectories(directory.resolve("tree/etc"));
        Files.writeString(directory.resolve("tree/etc/motd"), "hello\n");
        TestImage.write(directory.resolve("layout"), directory.resolve("tree"));
        try (TestRegistry registry = TestRegistry.start(directory)) {
            run(document, registry.host());
        }
    }

    private void run(String document, String host) throws IOException, InterruptedException {
        Path home = Files.createDirectories(directory.resolve("home"));
        Files.writeString(home.resolve("registries.json"), "{\"registries\":{\"" + host + "\":{\"plainHttp\":true}}}");
        List<String> commands = Files.readAllLines(Path.of("../docs", document)).stream()
                .filter(line -> line.startsWith("$ "))
                .map(line -> line.substring(2).replace("registry.example:5000", host))
                .toList();
        assertTrue(commands.size() >= 3, "the document has commands");
        String script = "lamina() { '" + Path.of(System.getProperty("java.home"), "bin", "java")
                + "' --enable-native-access=ALL-UNNAMED -XX:TieredStopAtLevel=1 -Dlamina.home='" + home + "' -cp '"
                + System.getProperty("java.class.path") + "' io.lamina.host.cli.Main \"$@\"; }\nset -ex\n"
                + String.join("\n", commands) + "\n";
        Process shell = new ProcessBuilder("bash", "-c", script)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        shell.getOutputStream().close();
        String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, shell.waitFor(), said);
    }

    @Test
    void everyCommandHasExamples() {
        List<String> without = new ArrayList<>();
        look(Main.commandLine(), without);
        assertEquals(List.of(), without);
    }

    private static void look(CommandLine command, List<String> without) {
        var spec = command.getCommandSpec();
        for (CommandLine sub : command.getSubcommands().values()) {
            if (!sub.getCommandName().equals("help")) {
                look(sub, without);
            }
        }
        if (command.getSubcommands().isEmpty()
                && !spec.usageMessage().footerHeading().contains("Example")) {
            without.add(spec.qualifiedName());
        }
    }
}
