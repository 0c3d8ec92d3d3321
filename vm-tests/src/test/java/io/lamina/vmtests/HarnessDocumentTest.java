package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands of docs/ci-harness.md, and the example project, from the artifacts that others would get. */
class HarnessDocumentTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());
    private static final String VERSION = "0.1.0-SNAPSHOT";

    @TempDir
    private Path directory;

    @BeforeAll
    static void needs() throws IOException, InterruptedException {
        HarnessTest.prepare();
    }

    @Test
    void theCommandsDoWhatTheDocumentSays() throws Exception {
        Files.createSymbolicLink(directory.resolve("image"), DemoImage.in(LAMINA));
        List<String> script =
                new ArrayList<>(List.of("set -ex -o pipefail", "lamina() { '" + LAMINA.script() + "' \"$@\"; }"));
        Files.readAllLines(LaminaCommand.root().resolve("docs/ci-harness.md")).stream()
                .filter(line -> line.startsWith("$ "))
                .forEach(line -> script.add(line.substring(2)));
        assertTrue(script.size() > 5, "the document has commands");
        good(directory, "bash", "-c", String.join("\n", script));
    }

    @Test
    void theExampleProjectUsesThePublishedArtifactsAlone() throws Exception {
        Path project = directory.resolve("project");
        LaminaCommand.tool(
                "cp", "-a", LaminaCommand.root().resolve("examples/junit").toString(), project.toString());
        LaminaCommand.tool(
                "cp",
                "-a",
                DemoImage.in(LAMINA).toString(),
                project.resolve("image").toString());
        Path repository = directory.resolve("repository");
        // What Maven itself needs comes from the user's repository, by links where they can be; what it adds stays
        // here.
        String user = Path.of(System.getProperty("user.home"), ".m2", "repository") + "/.";
        String copy =
                "cp -al '" + user + "' '" + repository + "' 2>/dev/null || cp -a '" + user + "' '" + repository + "'";
        Files.createDirectories(repository);
        LaminaCommand.tool("sh", "-c", copy);
        publish(repository, "lamina", LaminaCommand.root());
        publish(repository, "lamina-junit", LaminaCommand.root().resolve("junit"));
        String said = good(
                project,
                "mvn",
                "-B",
                "-o",
                "-Dmaven.repo.local=" + repository,
                "-DargLine=-Dlamina.command=" + LAMINA.script(),
                "test");
        assertTrue(said.contains("Tests run: 3, Failures: 0, Errors: 0, Skipped: 0"), said);
    }

    /** Puts a module where a repository has it. */
    private static void publish(Path repository, String artifact, Path module) throws IOException {
        Path place = Files.createDirectories(
                repository.resolve("io/lamina").resolve(artifact).resolve(VERSION));
        String name = artifact + "-" + VERSION;
        Files.copy(module.resolve("pom.xml"), place.resolve(name + ".pom"), StandardCopyOption.REPLACE_EXISTING);
        Path jar = module.resolve("target").resolve(name + ".jar");
        if (!artifact.equals("lamina")) {
            Files.copy(jar, place.resolve(name + ".jar"), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static String good(Path directory, String... line) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(line)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        return said;
    }
}
