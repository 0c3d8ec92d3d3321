package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import io.lamina.linux.testing.Machine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The commands about images and registries as a user calls them, beside Debian's docker-registry and skopeo. */
class ImageCommandsTest {
    private static final Path REGISTRY = Optional.ofNullable(System.getenv("LAMINA_CONTAINERD"))
            .map(Path::of)
            .orElse(Path.of(System.getProperty("user.home"), ".cache", "lamina", "containerd"))
            .resolve("tools/usr/bin/docker-registry");

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final StringWriter errors = new StringWriter();
    private final String homeBefore = System.getProperty("lamina.home", "");

    @BeforeEach
    void makeLayout() throws IOException, InterruptedException {
        Machine.needsProgram("tar", "openssl", "skopeo");
        home("one");
        Path base = Files.createDirectories(directory.resolve("base/etc"));
        Files.writeString(base.resolve("motd"), "hello\n");
        Files.writeString(base.resolve("gone"), "x\n");
        Path top = Files.createDirectories(directory.resolve("top/etc"));
        Files.writeString(top.resolve("motd"), "goodbye\n");
        Files.writeString(top.resolve(".wh.gone"), "");
        ContentStore layout = ContentStore.open(directory.resolve("layout"));
        List<Object> layers = new ArrayList<>();
        List<Object> diffIds = new ArrayList<>();
        for (String name : List.of("base", "top")) {
            run("tar", "-C", at(name), "-cf", at(name + ".tar"), "etc");
            byte[] tar = Files.readAllBytes(directory.resolve(name + ".tar"));
            Digest digest = layout.put(tar);
            diffIds.add(digest.toString());
            layers.add(Map.of(
                    "mediaType",
                    "application/vnd.oci.image.layer.v1.tar",
                    "digest",
                    digest.toString(),
                    "size",
                    tar.length));
        }
        byte[] config = JsonWriter.write(Map.of(
                "os", "linux", "architecture", "amd64", "rootfs", Map.of("type", "layers", "diff_ids", diffIds)));
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
                layers));
        Digest _ = layout.put(manifest);
        layout.name(ImageName.of("v1", MediaType.OCI_MANIFEST, manifest));
    }

    @AfterEach
    void restoreHome() {
        if (homeBefore.isEmpty()) {
            System.clearProperty("lamina.home");
        } else {
            System.setProperty("lamina.home", homeBefore);
        }
    }

    @Test
    void imagesComeInGoOutAndAreShown() throws IOException, InterruptedException {
        String digest = string(json("import", "oci:" + at("layout") + ":v1", "team/app:1", "--json"), "digest");
        String name = "docker.io/team/app:1";
        JsonValue listed = json("images", "--json").array("images").getFirst();
        assertEquals(name, listed.object().required("name").string());
        assertEquals(digest, string(json("inspect", "team/app:1", "--json"), "digest"));
        assertEquals(0, execute("tag", "team/app:1", "other/app:2"));

        assertEquals(0, execute("export", "other/app:2", "-o", "oci-archive:" + at("a.tar")), errors.toString());
        assertTrue(run("skopeo", "inspect", "oci-archive:" + at("a.tar")).contains("\"Architecture\": \"amd64\""));
        assertEquals(0, execute("export", "other/app:2", "-o", "docker-archive:" + at("d.tar")), errors.toString());
        assertTrue(run("skopeo", "inspect", "docker-archive:" + at("d.tar")).contains("\"Architecture\": \"amd64\""));
        run("skopeo", "copy", "-q", "docker-archive:" + at("d.tar"), "docker-archive:" + at("s.tar") + ":x/y:3");
        String root = string(json("import", "docker-archive:" + at("s.tar"), "x/y:3", "--json"), "rootHash");
        assertEquals(64, root.length());

        assertEquals(0, execute("rmi", "team/app:1", "other/app:2", "x/y:3"));
        assertEquals(List.of(), json("images", "--json").array("images"));
        assertEquals(125, execute("inspect", "team/app:1"));
        assertTrue(errors.toString().contains("lamina pull team/app:1"), errors.toString());
    }

    @Test
    void containerdsContentStoreIsRead() throws IOException {
        Path blobs = Files.createDirectories(directory.resolve("ctd/io.containerd.content.v1.content/blobs"));
        Files.move(directory.resolve("layout/blobs/sha256"), blobs.resolve("sha256"));
        ImageName image = ContentStore.open(directory.resolve("layout")).names().getFirst();
        String target = image.target().digest().toString();
        JsonObject told = json("import", "containerd:" + at("ctd") + "@" + target, "team/app:1", "--json");
        assertEquals(target, string(told, "digest"));
    }

    @Test
    void theDeviceIsMappedAndAFileExplained() throws IOException {
        assertEquals(0, execute("import", "oci:" + at("layout") + ":v1", "team/app:1"), errors.toString());
        List<JsonValue> parts = json("map", "team/app:1", "--json").array("parts");
        assertEquals(4, parts.size(), "fsmeta, two layers, hash tree");
        assertEquals("[2 seen, 1 hidden]", told("/etc/motd"));
        assertEquals("[2 removes, 1 hidden]", told("etc/gone"));
        assertEquals("[2 seen, 1 joins]", told("etc"));
        assertEquals(125, execute("explain", "team/app:1", "nowhere"));
    }

    private String told(String path) throws IOException {
        List<String> told = new ArrayList<>();
        for (JsonValue layer : json("explain", "team/app:1", path, "--json").array("layers")) {
            told.add(layer.object().required("layer").integer(1, 9) + " "
                    + layer.object().required("does").string());
        }
        return told.toString();
    }

    @Test
    void whatOneNodeConvertsAnotherTakesOnASignedWord() throws IOException, InterruptedException {
        Machine.need(Files.isExecutable(REGISTRY), "docker-registry, unpacked as " + REGISTRY);
        for (String key : List.of("key", "other")) {
            run("openssl", "genpkey", "-algorithm", "ed25519", "-out", at(key + ".pem"));
            run("openssl", "pkey", "-in", at(key + ".pem"), "-pubout", "-out", at(key + ".pub"));
        }
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Files.writeString(
                directory.resolve("r.yml"),
                "version: 0.1\nstorage: {filesystem: {rootdirectory: " + at("registry")
                        + "}}\nhttp: {addr: \"127.0.0.1:" + port + "\"}\n");
        Process registry = new ProcessBuilder(REGISTRY.toString(), "serve", at("r.yml"))
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("r.log").toFile())
                .start();
        try {
            for (int i = 0; i < 100 && !answers(port); i++) {
                Thread.sleep(100);
            }
            String name = "127.0.0.1:" + port + "/team/app:1";
            String root = string(json("import", "oci:" + at("layout") + ":v1", name, "--json"), "rootHash");
            JsonObject pushed =
                    json("push", "--plain-http", "--native", "--uncompressed", "--key", at("key.pem"), name, "--json");
            assertEquals(root, string(pushed, "rootHash"));

            home("two");
            JsonObject taken = json("pull", "--plain-http", "--trust", at("key.pub"), name, "--json");
            assertTrue(taken.required("native").bool());
            assertEquals(root, string(taken, "rootHash"));
            assertEquals(root, string(json("map", name, "--json"), "rootHash"), "used again, from the store");
            assertEquals(125, execute("push", "--plain-http", name), "its layers are not here");

            home("three");
            JsonObject converted = json("pull", "--plain-http", "--trust", at("other.pub"), name, "--json");
            assertFalse(converted.required("native").bool());
            assertEquals(root, string(converted, "rootHash"));

            home("four");
            JsonObject foreign = json("pull", "--plain-http", "127.0.0.1:" + port + "/team/app:1-erofs", "--json");
            assertEquals(string(pushed, "nativeDigest"), string(foreign, "digest"));
        } finally {
            registry.destroy();
        }
    }

    @Test
    void completionIsOfEveryShell() throws IOException, InterruptedException {
        assertEquals(0, execute("completion", "bash"));
        Files.writeString(directory.resolve("c.bash"), output.toString(StandardCharsets.UTF_8));
        String words = run(
                "bash",
                "-c",
                "source " + at("c.bash")
                        + "; COMP_WORDS=(lamina pu); COMP_CWORD=1; _complete_lamina; echo ${COMPREPLY[@]}");
        assertEquals("pull push", words.strip());
        assertEquals(0, execute("completion", "zsh"));
        assertTrue(output.toString(StandardCharsets.UTF_8).contains("bashcompinit"));
        assertEquals(0, execute("completion", "fish"));
        String fish = output.toString(StandardCharsets.UTF_8);
        assertTrue(fish.contains("complete -c lamina -n '__fish_use_subcommand' -a pull"), fish);
    }

    private static boolean answers(int port) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    private void home(String name) {
        System.setProperty("lamina.home", directory.resolve("home-" + name).toString());
    }

    private String at(String file) {
        return directory.resolve(file).toString();
    }

    private int execute(String... arguments) {
        output.reset();
        errors.getBuffer().setLength(0);
        PrintStream before = System.out;
        System.setOut(new PrintStream(output, true, StandardCharsets.UTF_8));
        try {
            CommandLine line = Main.commandLine();
            line.setErr(new PrintWriter(errors, true));
            return line.execute(arguments);
        } finally {
            System.setOut(before);
        }
    }

    private JsonObject json(String... arguments) throws IOException {
        assertEquals(0, execute(arguments), errors.toString());
        return JsonParser.parse("answer", output.toByteArray()).object();
    }

    private static String string(JsonObject object, String name) throws IOException {
        return object.required(name).string();
    }

    private static String run(String... line) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), String.join(" ", line) + ": " + said);
        return said;
    }
}
