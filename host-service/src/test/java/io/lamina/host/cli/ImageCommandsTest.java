package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageName;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonValue;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands about images and registries as a user calls them, beside Debian's docker-registry and skopeo. */
class ImageCommandsTest {
    @TempDir
    private Path directory;

    private Shell shell;
    private final String homeBefore = System.getProperty("lamina.home", "");

    @BeforeEach
    void makeLayout() throws IOException, InterruptedException {
        Machine.needsProgram("tar", "openssl", "skopeo");
        shell = new Shell(directory);
        home("one");
        Path base = Files.createDirectories(directory.resolve("base/etc"));
        Files.writeString(base.resolve("motd"), "hello\n");
        Files.writeString(base.resolve("gone"), "x\n");
        Path top = Files.createDirectories(directory.resolve("top/etc"));
        Files.writeString(top.resolve("motd"), "goodbye\n");
        Files.writeString(top.resolve(".wh.gone"), "");
        TestImage.write(directory.resolve("layout"), directory.resolve("base"), directory.resolve("top"));
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
        String digest =
                string(shell.json("import", "oci:" + shell.at("layout") + ":v1", "team/app:1", "--json"), "digest");
        String name = "docker.io/team/app:1";
        JsonValue listed = shell.json("images", "--json").array("images").getFirst();
        assertEquals(name, listed.object().required("name").string());
        assertEquals(digest, string(shell.json("inspect", "team/app:1", "--json"), "digest"));
        assertEquals(0, shell.status("tag", "team/app:1", "other/app:2"));

        assertEquals(
                0, shell.status("export", "other/app:2", "-o", "oci-archive:" + shell.at("a.tar")), shell.errors());
        assertTrue(Shell.run("skopeo", "inspect", "oci-archive:" + shell.at("a.tar"))
                .contains("\"Architecture\": \"amd64\""));
        assertEquals(
                0, shell.status("export", "other/app:2", "-o", "docker-archive:" + shell.at("d.tar")), shell.errors());
        assertTrue(Shell.run("skopeo", "inspect", "docker-archive:" + shell.at("d.tar"))
                .contains("\"Architecture\": \"amd64\""));
        Shell.run(
                "skopeo",
                "copy",
                "-q",
                "docker-archive:" + shell.at("d.tar"),
                "docker-archive:" + shell.at("s.tar") + ":x/y:3");
        String root =
                string(shell.json("import", "docker-archive:" + shell.at("s.tar"), "x/y:3", "--json"), "rootHash");
        assertEquals(64, root.length());

        assertEquals(0, shell.status("rmi", "team/app:1", "other/app:2", "x/y:3"));
        assertEquals(List.of(), shell.json("images", "--json").array("images"));
        assertEquals(125, shell.status("inspect", "team/app:1"));
        assertTrue(shell.errors().contains("lamina pull team/app:1"), shell.errors());
    }

    @Test
    void containerdsContentStoreIsRead() throws IOException {
        Path blobs = Files.createDirectories(directory.resolve("ctd/io.containerd.content.v1.content/blobs"));
        Files.move(directory.resolve("layout/blobs/sha256"), blobs.resolve("sha256"));
        ImageName image = ContentStore.open(directory.resolve("layout")).names().getFirst();
        String target = image.target().digest().toString();
        JsonObject told = shell.json("import", "containerd:" + shell.at("ctd") + "@" + target, "team/app:1", "--json");
        assertEquals(target, string(told, "digest"));
    }

    @Test
    void theDeviceIsMappedAndAFileExplained() throws IOException {
        assertEquals(0, shell.status("import", "oci:" + shell.at("layout") + ":v1", "team/app:1"), shell.errors());
        List<JsonValue> parts = shell.json("map", "team/app:1", "--json").array("parts");
        assertEquals(4, parts.size(), "fsmeta, two layers, hash tree");
        assertEquals("[2 seen, 1 hidden]", told("/etc/motd"));
        assertEquals("[2 removes, 1 hidden]", told("etc/gone"));
        assertEquals("[2 seen, 1 joins]", told("etc"));
        assertEquals(125, shell.status("explain", "team/app:1", "nowhere"));
    }

    private String told(String path) throws IOException {
        List<String> told = new ArrayList<>();
        for (JsonValue layer :
                shell.json("explain", "team/app:1", path, "--json").array("layers")) {
            told.add(layer.object().required("layer").integer(1, 9) + " "
                    + layer.object().required("does").string());
        }
        return told.toString();
    }

    @Test
    void whatOneNodeConvertsAnotherTakesOnASignedWord() throws IOException, InterruptedException {
        for (String key : List.of("key", "other")) {
            Shell.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", shell.at(key + ".pem"));
            Shell.run("openssl", "pkey", "-in", shell.at(key + ".pem"), "-pubout", "-out", shell.at(key + ".pub"));
        }
        try (TestRegistry registry = TestRegistry.start(directory)) {
            String name = registry.host() + "/team/app:1";
            String root = string(shell.json("import", "oci:" + shell.at("layout") + ":v1", name, "--json"), "rootHash");
            JsonObject pushed = shell.json(
                    "push", "--plain-http", "--native", "--uncompressed", "--key", shell.at("key.pem"), name, "--json");
            assertEquals(root, string(pushed, "rootHash"));

            home("two");
            JsonObject taken = shell.json("pull", "--plain-http", "--trust", shell.at("key.pub"), name, "--json");
            assertTrue(taken.required("native").bool());
            assertEquals(root, string(taken, "rootHash"));
            assertEquals(root, string(shell.json("map", name, "--json"), "rootHash"), "used again, from the store");
            assertEquals(125, shell.status("push", "--plain-http", name), "its layers are not here");

            home("three");
            JsonObject converted = shell.json("pull", "--plain-http", "--trust", shell.at("other.pub"), name, "--json");
            assertFalse(converted.required("native").bool());
            assertEquals(root, string(converted, "rootHash"));

            home("four");
            JsonObject foreign = shell.json("pull", "--plain-http", registry.host() + "/team/app:1-erofs", "--json");
            assertEquals(string(pushed, "nativeDigest"), string(foreign, "digest"));
        }
    }

    /** Whoever may write to a registry can give every blob and manifest a digest that fits; not so the signed statement. */
    @Test
    void aNativeLayerThatIsNotTheStatementsIsRefusedAndLeavesNothing() throws IOException, InterruptedException {
        Shell.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", shell.at("key.pem"));
        Shell.run("openssl", "pkey", "-in", shell.at("key.pem"), "-pubout", "-out", shell.at("key.pub"));
        try (TestRegistry registry = TestRegistry.start(directory)) {
            String name = registry.host() + "/team/app:1";
            JsonObject image = shell.json("import", "oci:" + shell.at("layout") + ":v1", name, "--json");
            JsonObject pushed =
                    shell.json("push", "--plain-http", "--native", "--key", shell.at("key.pem"), name, "--json");
            exchangeLayers(registry.host(), string(image, "digest"), string(pushed, "nativeDigest"));

            home("two");
            assertEquals(
                    123, shell.status("pull", "--plain-http", "--trust", shell.at("key.pub"), name), shell.errors());
            assertTrue(shell.errors().contains("was to be the blob"), shell.errors());
            assertEquals(List.of(), shell.json("images", "--json").array("images"));
            try (Stream<Path> blobs = Files.walk(directory.resolve("home-two"))) {
                List<Path> left =
                        blobs.filter(file -> file.endsWith("layer.erofs")).toList();
                assertEquals(List.of(), left);
            }
            JsonObject converted = shell.json("pull", "--plain-http", "--no-native", name, "--json");
            assertEquals(string(image, "rootHash"), string(converted, "rootHash"));
        }
    }

    /** Makes each of an image's two native layers pass for the other one, in a manifest that the registry finds right. */
    private static void exchangeLayers(String host, String image, String nativeImage)
            throws IOException, InterruptedException {
        String manifests = "http://" + host + "/v2/team/app/manifests/";
        String type = "application/vnd.oci.image.manifest.v1+json";
        String manifest = get(manifests + nativeImage, type);
        List<String> roots = Pattern.compile("\":\"([0-9a-f]{64})\"")
                .matcher(manifest)
                .results()
                .map(found -> found.group(1))
                .toList();
        assertEquals(2, roots.size(), manifest);
        String exchanged = manifest.replace(roots.getFirst(), "EXCHANGED")
                .replace(roots.getLast(), roots.getFirst())
                .replace("EXCHANGED", roots.getLast());
        assertEquals(manifest.length(), exchanged.length());
        String digest =
                Digest.ofContent(exchanged.getBytes(StandardCharsets.UTF_8)).toString();
        put(manifests + digest, type, exchanged);
        String tag = manifests + image.replace(':', '-');
        String indexType = "application/vnd.oci.image.index.v1+json";
        put(tag, indexType, get(tag, indexType).replace(nativeImage, digest));
    }

    private static String get(String uri, String type) throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newHttpClient()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create(uri))
                                    .header("Accept", type)
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        }
    }

    private static void put(String uri, String type, String content) throws IOException, InterruptedException {
        try (HttpClient client = HttpClient.newHttpClient()) {
            HttpResponse<String> answer = client.send(
                    HttpRequest.newBuilder(URI.create(uri))
                            .header("Content-Type", type)
                            .PUT(HttpRequest.BodyPublishers.ofString(content))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            assertEquals(201, answer.statusCode(), answer.body());
        }
    }

    @Test
    void completionIsOfEveryShell() throws IOException, InterruptedException {
        Files.writeString(directory.resolve("c.bash"), shell.words("completion", "bash"));
        String words = Shell.run(
                "bash",
                "-c",
                "source " + shell.at("c.bash")
                        + "; COMP_WORDS=(lamina pu); COMP_CWORD=1; _complete_lamina; echo ${COMPREPLY[@]}");
        assertEquals("pull push", words.strip());
        assertTrue(shell.words("completion", "zsh").contains("bashcompinit"));
        String fish = shell.words("completion", "fish");
        assertTrue(fish.contains("complete -c lamina -n '__lamina_verb' -a pull"), fish);
        for (String group : List.of("store", "erofs")) {
            assertTrue(fish.contains("complete -c lamina -n '__lamina_verb " + group + "' -a ls"), fish);
        }
        assertTrue(fish.contains("complete -c lamina -n '__lamina_at store gc' -l unused-for -r -F"), fish);
        assertFalse(fish.contains("complete -c lamina -n '__lamina_at erofs ls' -l unused-for"), fish);
    }

    private void home(String name) {
        System.setProperty("lamina.home", directory.resolve("home-" + name).toString());
    }

    private static String string(JsonObject object, String name) throws IOException {
        return object.required(name).string();
    }
}
