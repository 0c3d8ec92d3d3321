package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.testing.Machine;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A release engineer and a node, who share the image and nothing else, make the same statement. */
class MadeAnywhereTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());

    @TempDir
    private Path directory;

    @Test
    void twoCheckoutsMakeTheSameStatement() throws Exception {
        Machine.needsProgram("umoci", "cp");
        Path layout = DemoImage.in(LAMINA);
        byte[] first = statement("one", layout, List.of("-XX:ActiveProcessorCount=1"), "C", "UTC");
        byte[] second = statement(
                "two",
                layout,
                List.of("-XX:ActiveProcessorCount=7", "-Duser.language=tr", "-Duser.country=TR", "-Xmx700m"),
                "tr_TR.UTF-8",
                "Asia/Kathmandu");

        assertArrayEquals(first, second);
        assertTrue(new String(first, StandardCharsets.UTF_8).contains("\"signatures\":[]"));
    }

    /** In a checkout, a home and a temporary directory of its own. */
    private byte[] statement(String name, Path layout, List<String> options, String locale, String zone)
            throws Exception {
        Path checkout = Files.createDirectories(directory.resolve(name).resolve("checkout"));
        Path image = directory.resolve(name).resolve("layout");
        LaminaCommand.tool("cp", "-r", LaminaCommand.root() + "/host-service/target/lib", checkout.toString());
        LaminaCommand.tool("cp", "-r", layout.toString(), image.toString());
        Path temporary = Files.createDirectory(directory.resolve(name).resolve("tmp"));
        List<String> line = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java"));
        line.addAll(options);
        line.addAll(List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"));
        line.add("-Dlamina.home=" + directory.resolve(name).resolve("home"));
        line.add("-Djava.io.tmpdir=" + temporary);
        line.add("-cp");
        try (Stream<Path> jars = Files.list(checkout.resolve("lib"))) {
            line.add(jars.filter(jar -> jar.toString().endsWith(".jar"))
                    .map(Path::toString)
                    .collect(Collectors.joining(":")));
        }
        Path statement = directory.resolve(name).resolve("statement");
        line.addAll(List.of("io.lamina.host.cli.Main", "statement", "create", "oci:" + image));
        line.addAll(List.of("--reference", "demo", "-o", statement.toString()));
        ProcessBuilder builder = new ProcessBuilder(line).inheritIO();
        builder.environment().put("LC_ALL", locale);
        builder.environment().put("TZ", zone);
        builder.environment().put("TMPDIR", temporary.toString());
        assertEquals(0, builder.start().waitFor());
        return Files.readAllBytes(statement);
    }
}
