package io.lamina.host.containerd;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;

/** Starts {@code lamina} often: the first one that ends in good order records its classes, which the later ones map. */
record RecordedJava(Path directory, String classPath) {
    static final RecordedJava NONE = new RecordedJava(Path.of("/"), "");

    /** With this process's class path. Records are made of jars alone, so directories of classes are packed. */
    static RecordedJava in(Path directory) {
        List<String> jars = new ArrayList<>();
        ToolProvider jar = ToolProvider.findFirst("jar").orElseThrow();
        for (String part : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            if (part.isEmpty()) {
                continue; // some launchers end the path with a separator; it means the working directory
            }
            if (Files.isDirectory(Path.of(part))) {
                String packed = directory.resolve(jars.size() + ".jar").toString();
                assertEquals(0, jar.run(System.out, System.err, "--create", "--file", packed, "-C", part, "."));
                jars.add(packed);
            } else {
                jars.add(part);
            }
        }
        return new RecordedJava(directory, String.join(File.pathSeparator, jars));
    }

    /** Starts {@code lamina} with these words; what it says goes behind what {@code log} has. */
    Process start(Path log, String... words) throws IOException {
        Path record = directory.resolve("classes.aot");
        List<String> line = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                (Files.exists(record) ? "-XX:AOTCache=" : "-XX:AOTCacheOutput=") + record,
                "-cp",
                classPath,
                "io.lamina.host.cli.Main"));
        line.addAll(List.of(words));
        return new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
    }
}
