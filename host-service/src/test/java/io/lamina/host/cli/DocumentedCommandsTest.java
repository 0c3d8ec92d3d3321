package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Every command of the documents of images and of the command line, run in their order; and what every command has to have. */
class DocumentedCommandsTest {
    private static final Path REGISTRY = Optional.ofNullable(System.getenv("LAMINA_CONTAINERD"))
            .map(Path::of)
            .orElse(Path.of(System.getProperty("user.home"), ".cache", "lamina", "containerd"))
            .resolve("tools/usr/bin/docker-registry");

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"registry.md", "cli.md"})
    void theCommandsOfADocumentDoWhatItSays(String document) throws IOException, InterruptedException {
        Machine.needsProgram("bash", "tar", "openssl");
        Machine.need(Files.isExecutable(REGISTRY), "docker-registry, unpacked as " + REGISTRY);
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        String host = "127.0.0.1:" + port;
        makeLayout();
        Path home = Files.createDirectories(directory.resolve("home"));
        Files.writeString(home.resolve("registries.json"), "{\"registries\":{\"" + host + "\":{\"plainHttp\":true}}}");
        Path config = Files.writeString(
                directory.resolve("r.yml"),
                "version: 0.1\nstorage: {filesystem: {rootdirectory: " + directory.resolve("registry")
                        + "}}\nhttp: {addr: \"" + host + "\"}\n");
        List<String> commands = Files.readAllLines(Path.of("../docs", document)).stream()
                .filter(line -> line.startsWith("$ "))
                .map(line -> line.substring(2).replace("registry.example:5000", host))
                .toList();
        assertTrue(commands.size() >= 3, "the document has commands");
        String script = "lamina() { '" + Path.of(System.getProperty("java.home"), "bin", "java")
                + "' --enable-native-access=ALL-UNNAMED -XX:TieredStopAtLevel=1 -Dlamina.home='" + home + "' -cp '"
                + System.getProperty("java.class.path") + "' io.lamina.host.cli.Main \"$@\"; }\nset -ex\n"
                + String.join("\n", commands) + "\n";
        Process registry = new ProcessBuilder(REGISTRY.toString(), "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("r.log").toFile())
                .start();
        try {
            for (int i = 0; i < 100 && !answers(port); i++) {
                Thread.sleep(100);
            }
            Process shell = new ProcessBuilder("bash", "-c", script)
                    .directory(directory.toFile())
                    .redirectErrorStream(true)
                    .start();
            shell.getOutputStream().close();
            String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertEquals(0, shell.waitFor(), said);
        } finally {
            registry.destroy();
        }
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

    private void makeLayout() throws IOException, InterruptedException {
        Files.createDirectories(directory.resolve("tree/etc"));
        Files.writeString(directory.resolve("tree/etc/motd"), "hello\n");
        Process tar = new ProcessBuilder(
                        "tar",
                        "-C",
                        directory.resolve("tree").toString(),
                        "-cf",
                        directory.resolve("l.tar").toString(),
                        "etc")
                .start();
        assertEquals(0, tar.waitFor());
        byte[] layer = Files.readAllBytes(directory.resolve("l.tar"));
        ContentStore layout = ContentStore.open(directory.resolve("layout"));
        Digest digest = layout.put(layer);
        byte[] config = JsonWriter.write(Map.of(
                "os", "linux",
                "architecture", "amd64",
                "rootfs", Map.of("type", "layers", "diff_ids", List.of(digest.toString()))));
        byte[] manifest = JsonWriter.write(Map.of(
                "schemaVersion",
                2,
                "mediaType",
                MediaType.OCI_MANIFEST,
                "config",
                Map.of(
                        "mediaType", MediaType.OCI_CONFIG,
                        "digest", layout.put(config).toString(),
                        "size", config.length),
                "layers",
                List.of(Map.of(
                        "mediaType",
                        "application/vnd.oci.image.layer.v1.tar",
                        "digest",
                        digest.toString(),
                        "size",
                        layer.length))));
        Digest _ = layout.put(manifest);
        layout.name(ImageName.of("v1", MediaType.OCI_MANIFEST, manifest));
    }

    private static boolean answers(int port) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }
}
