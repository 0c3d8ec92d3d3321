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
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

/** Every command of the documents, run in their order; and what every command has to have. */
class DocumentedCommandsTest {
    private static final Pattern COMMAND = Pattern.compile(" {4,}(?:\\./)?lamina ([a-z-].*)");

    @TempDir
    private Path directory;

    @ParameterizedTest
    @MethodSource("pages")
    void theCommandsOfADocumentDoWhatItSays(String document) throws IOException, InterruptedException {
        if (document.equals("operations.md")) {
            Machine.needsRoot(); // it has the daemon's
        }
        Machine.needsProgram("bash", "tar", "openssl");
        Files.createDirectories(directory.resolve("tree/etc"));
        Files.writeString(directory.resolve("tree/etc/motd"), "hello\n");
        TestImage.write(directory.resolve("layout"), directory.resolve("tree"));
        try (TestRegistry registry = TestRegistry.start(directory)) {
            run(document, registry.host());
        }
    }

    /** Those that have commands to run: a block of console, each command behind a dollar. */
    static List<String> pages() throws IOException {
        List<String> pages = new ArrayList<>();
        for (Path page : documents()) {
            // What needs a machine is run where machines are: HarnessDocumentTest has that page.
            if (!page.endsWith("ci-harness.md") && Files.readString(page).contains("\n```console\n")) {
                pages.add(page.getFileName().toString());
            }
        }
        assertTrue(pages.size() >= 10, pages.toString());
        return pages;
    }

    private static List<Path> documents() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("../docs"))) {
            return Stream.concat(
                            Stream.of(Path.of("../README.md")),
                            all.filter(page -> page.toString().endsWith(".md")))
                    .sorted()
                    .toList();
        }
    }

    /** Those that need a machine, a network or an installation stand in blocks of their own: they must at least be right. */
    @Test
    void everyOtherCommandIsOneThatTheCommandLineTakes() throws IOException {
        List<String> wrong = new ArrayList<>();
        int commands = 0;
        for (Path page : documents()) {
            for (String line :
                    Files.readString(page).replace("\\\n", " ").lines().toList()) {
                Matcher command = COMMAND.matcher(line);
                if (command.matches() && !command.group(1).startsWith("dist")) {
                    commands++;
                    try {
                        Object _ = Main.commandLine().parseArgs(words(command.group(1)));
                    } catch (CommandLine.ParameterException refused) {
                        wrong.add(page.getFileName() + ": " + line.strip() + ": " + refused.getMessage());
                    }
                }
            }
        }
        assertEquals(List.of(), wrong);
        assertTrue(commands >= 25, commands + " commands found");
    }

    /** As a shell splits them, with something for each placeholder. */
    private static String[] words(String line) {
        String plain = line.replaceAll("\\s(#|&&|>|&).*", "").replaceAll("\\b(PID|HEX|BYTES)\\b", "00");
        List<String> words = new ArrayList<>();
        Matcher word = Pattern.compile("'([^']*)'|(\\S+)").matcher(plain);
        while (word.find()) {
            words.add(word.group(1) == null ? word.group(2) : word.group(1));
        }
        return words.toArray(String[]::new);
    }

    private void run(String document, String host) throws IOException, InterruptedException {
        Path home = Files.createDirectories(directory.resolve("home"));
        Files.writeString(home.resolve("registries.json"), "{\"registries\":{\"" + host + "\":{\"plainHttp\":true}}}");
        List<String> commands = Files.readAllLines(Path.of("../docs", document)).stream()
                .filter(line -> line.startsWith("$ "))
                .map(line -> line.substring(2).replace("registry.example:5000", host))
                .toList();
        assertTrue(commands.size() >= 2, "the document has commands");
        Path program = Files.createDirectories(directory.resolve("bin")).resolve("lamina");
        Files.writeString(
                program,
                "#!/bin/sh\nexec '" + Path.of(System.getProperty("java.home"), "bin", "java")
                        + "' --enable-native-access=ALL-UNNAMED -XX:TieredStopAtLevel=1 -Dlamina.home='" + home
                        + "' -cp '"
                        + System.getProperty("java.class.path") + "' io.lamina.host.cli.Main \"$@\"\n");
        assertTrue(program.toFile().setExecutable(true));
        // What is started in the background ends with the script, also where that fails.
        String script =
                "PATH='" + program.getParent() + "':$PATH\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nset -ex\n"
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

    @Test
    void everyCommandAnswersWithJsonWhenAsked() {
        List<String> without = leaves(Main.commandLine())
                .filter(command -> command.getCommandSpec().findOption("--json") == null)
                .map(command -> command.getCommandSpec().qualifiedName())
                .toList();
        assertEquals(List.of("lamina vm serve"), without, "which speaks nothing else");
    }

    private static Stream<CommandLine> leaves(CommandLine command) {
        if (command.getSubcommands().isEmpty()) {
            return Stream.of(command);
        }
        return command.getSubcommands().values().stream()
                .filter(sub -> !sub.getCommandName().equals("help"))
                .flatMap(DocumentedCommandsTest::leaves);
    }

    @Test
    void theExitStatusesOfTheDocumentAreThoseOfTheHelp() throws IOException {
        Pattern row = Pattern.compile("^\\| ([0-9]+(?:, [0-9]+)*) \\|.*");
        Set<String> documented = Files.readAllLines(Path.of("../docs/cli.md")).stream()
                .map(row::matcher)
                .filter(Matcher::matches)
                .flatMap(match -> Stream.of(match.group(1).split(", ")))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> helped = new TreeSet<>();
        String footer = String.join(
                "\n", Main.commandLine().getCommandSpec().usageMessage().footer());
        Matcher number = Pattern.compile("(?:^|\\W)([0-9]+)(?=\\W)").matcher(footer);
        while (number.find()) {
            helped.add(number.group(1));
        }
        assertEquals(documented, helped);
        assertEquals(Set.of("0", "1", "2", "123", "125", "126", "127"), documented);
    }

    @Test
    void commandsEndWithTheStatusThatTheDocumentGivesThem() throws IOException {
        Shell shell = new Shell(directory);
        assertEquals(0, shell.status("--version"));
        assertEquals(2, shell.status("store", "gc", "--unused-for", "soon"));
        assertEquals(2, shell.status("no-such-command"));
        assertEquals(125, shell.status("erofs", "ls", shell.at("missing"), "/"));
        Files.write(directory.resolve("wrong"), new byte[8192]);
        assertEquals(123, shell.status("erofs", "ls", shell.at("wrong"), "/"));
        assertTrue(shell.errors().contains("wrong"), shell.errors());
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
