package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.linux.Mount;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Layers of mkfs.erofs through the commands; the kernel's mount of the device is held against the layers' files. */
class NativeLayerCommandsTest {
    @TempDir
    private Path directory;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final StringWriter errors = new StringWriter();

    @BeforeEach
    void makeTrees() throws IOException, InterruptedException {
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsProgram("mkfs.erofs", "tar", "diff");
        System.setProperty("lamina.home", at("home"));
        Path base = Files.createDirectories(directory.resolve("base/d"));
        SplittableRandom random = new SplittableRandom(5);
        for (int size : new int[] {1, 500, 4096, 5000, 20_001, 300_000}) {
            StringBuilder text = new StringBuilder();
            while (text.length() < size) {
                text.append("line ").append(random.nextInt(100)).append('\n');
            }
            Files.writeString(base.resolve("text-" + size), text.substring(0, size));
        }
        Path top = Files.createDirectories(directory.resolve("top/d"));
        Files.writeString(top.resolve("text-500"), "replaced\n");
        Files.writeString(top.resolve("new"), "new\n");
        run("cp", "-a", at("base"), at("both"));
        run("cp", "-a", at("top") + "/.", at("both"));
        for (String tree : List.of("base", "top")) {
            run("tar", "-C", at(tree), "-cf", at(tree + ".tar"), ".");
        }
        words("layer", "convert", at("top.tar"));
    }

    @AfterEach
    void forgetTheStore() {
        System.clearProperty("lamina.home");
    }

    @Test
    void aCompressedLayerIsMergedAsItIs() throws Exception {
        for (String options : List.of("-zlz4", "-zlz4hc -C65536", "--chunksize=4096", "-Enoinline_data", "")) {
            mkfs("base.native", options);
            JsonObject fsmeta =
                    json("layer", "merge", "-o", at("fsmeta"), at("base.native"), at("top.erofs"), "--json");
            assertEquals(List.of(), fsmeta.array("copiedLayers"), options);
            holdsBoth(flatten(at("base.native"), at("top.erofs")), 0);
        }
    }

    @Test
    void whatCannotBePointedToIsCopiedAndTold() throws Exception {
        mkfs("base.native", "-zlz4 -Eztailpacking");
        JsonObject fsmeta = json("layer", "merge", "-o", at("fsmeta"), at("base.native"), at("top.erofs"), "--json");
        JsonObject copied = fsmeta.array("copiedLayers").getFirst().object();
        assertEquals(at("base.native"), copied.required("layer").string());
        assertTrue(copied.required("reason").string().contains("compressed data among its metadata"));
        assertEquals(
                copied.required("blob").string(),
                fsmeta.array("layers").getFirst().object().required("file").string());
        assertTrue(Files.exists(Path.of(copied.required("blob").string())));
        // The second time the copy comes from the store.
        JsonObject first = flatten(at("base.native"), at("top.erofs"));
        holdsBoth(first, 1);
        JsonObject second = flatten(at("base.native"), at("top.erofs"));
        assertEquals(
                first.required("rootHash").string(), second.required("rootHash").string());
    }

    @Test
    void whatLiesBehindALayerMovesNothing() throws Exception {
        mkfs("base.native", "-zlz4");
        try (OutputStream footer = Files.newOutputStream(directory.resolve("base.native"), StandardOpenOption.APPEND)) {
            byte[] hashTree = new byte[700_001];
            new SplittableRandom(1).nextBytes(hashTree);
            footer.write(hashTree);
        }
        holdsBoth(flatten(at("base.native"), at("top.erofs")), 0);
    }

    @Test
    void aTarIndexAmongOthersIsCopied() throws Exception {
        words("layer", "convert", "--format=tar-index", at("base.tar"), "-o", at("index"));
        holdsBoth(flatten(at("index") + "=" + at("base.tar"), at("top.erofs")), 1);
    }

    @Test
    void anIndexWithItsTarBehindIsCopied() throws Exception {
        words("layer", "convert", "--format=tar-index", at("base.tar"), "-o", at("index"));
        try (OutputStream both = Files.newOutputStream(directory.resolve("index"), StandardOpenOption.APPEND)) {
            Files.copy(directory.resolve("base.tar"), both);
        }
        holdsBoth(flatten(at("index"), at("top.erofs")), 1);
    }

    @Test
    void aTruncatedTarIsRefused() throws Exception {
        words("layer", "convert", "--format=tar-index", at("base.tar"), "-o", at("index"));
        Files.write(directory.resolve("short"), new byte[5000]);
        refused("has 5000 bytes", "device", "root", at("index") + "=" + at("short"));
    }

    @Test
    void mergedMetadataIsNoLayer() throws Exception {
        mkfs("base.native", "-zlz4");
        words("layer", "merge", "-o", at("fsmeta"), at("base.native"), at("top.erofs"));
        refused("merge the layers", "layer", "merge", "-o", at("again"), at("fsmeta"), at("top.erofs"));
    }

    @Test
    void aDeviceTableWithoutSizesIsRefused() throws Exception {
        mkfs("base.native", "--chunksize=4096 --blobdev=" + at("data"));
        refused(
                "does not tell how large its device is",
                "layer",
                "merge",
                "-o",
                at("fsmeta"),
                at("base.native") + "=" + at("data"));
    }

    @Test
    void anImageOfErofsLayersIsTaken() throws Exception {
        mkfs("base.native", "-zlz4hc -C65536");
        layout("compressed", "base.native", "top.erofs");
        holdsBoth(flatten("oci:" + at("compressed")), 0);
        mkfs("base.native", "-zlz4 -Eztailpacking");
        layout("tails", "base.native", "top.erofs");
        JsonObject first = flatten("oci:" + at("tails"));
        holdsBoth(first, 1);
        JsonObject second = flatten("oci:" + at("tails"));
        holdsBoth(second, 1);
        assertEquals(
                first.required("rootHash").string(), second.required("rootHash").string());
        layout("wrong", "base.native", "top.erofs");
        Path blob =
                directory.resolve("wrong/blobs/sha256/" + digest("base.native").hex());
        byte[] bytes = Files.readAllBytes(blob);
        bytes[bytes.length - 5000] ^= 1;
        Files.write(blob, bytes);
        System.setProperty("lamina.home", at("another"));
        refused("has the digest", "device", "root", "oci:" + at("wrong"));
    }

    private JsonObject flatten(String... layers) throws IOException {
        List<String> command = new ArrayList<>(List.of("device", "flatten"));
        command.addAll(List.of(layers));
        command.addAll(List.of("--raw", at("raw"), "--json"));
        return json(command.toArray(String[]::new));
    }

    private void holdsBoth(JsonObject device, int copies) throws Exception {
        List<JsonValue> copied = device.array("copiedLayers");
        assertEquals(copies, copied.size());
        Path mountPoint = Files.createDirectories(directory.resolve("mounted"));
        PrivateMounts.run(mounts -> {
            mounts.mount(at("raw"), mountPoint, "erofs", Mount.MS_RDONLY, "");
            run("diff", "-r", at("both"), mountPoint.toString());
            mounts.unmount(mountPoint);
        });
    }

    private void refused(String words, String... command) {
        errors.getBuffer().setLength(0);
        assertTrue(status(command) > 2, String.join(" ", command));
        assertTrue(errors.toString().contains(words), errors.toString());
    }

    private void mkfs(String image, String options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("mkfs.erofs", "--quiet"));
        if (!options.isEmpty()) {
            command.addAll(List.of(options.split(" ")));
        }
        command.addAll(List.of(at(image), at("base")));
        Files.deleteIfExists(directory.resolve(image));
        run(command.toArray(String[]::new));
    }

    private Digest digest(String file) throws IOException {
        return Digest.ofContent(Files.readAllBytes(directory.resolve(file)));
    }

    /** An OCI image layout whose layers are EROFS images. */
    private void layout(String name, String... layers) throws IOException {
        Path root = directory.resolve(name);
        Files.createDirectories(root.resolve("blobs/sha256"));
        List<Object> descriptors = new ArrayList<>();
        List<Object> diffIds = new ArrayList<>();
        for (String layer : layers) {
            byte[] bytes = Files.readAllBytes(directory.resolve(layer));
            descriptors.add(blob(root, "application/vnd.erofs.layer.v1", bytes));
            diffIds.add(Digest.ofContent(bytes).toString());
        }
        byte[] config = JsonWriter.write(Map.of(
                "architecture", "amd64", "os", "linux", "rootfs", Map.of("type", "layers", "diff_ids", diffIds)));
        byte[] manifest = JsonWriter.write(Map.of(
                "schemaVersion",
                2L,
                "config",
                blob(root, "application/vnd.oci.image.config.v1+json", config),
                "layers",
                descriptors));
        Object entry = blob(root, "application/vnd.oci.image.manifest.v1+json", manifest);
        Files.write(
                root.resolve("index.json"), JsonWriter.write(Map.of("schemaVersion", 2L, "manifests", List.of(entry))));
        Files.writeString(root.resolve("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}");
    }

    private static Map<String, Object> blob(Path root, String mediaType, byte[] bytes) throws IOException {
        Digest digest = Digest.ofContent(bytes);
        Files.write(root.resolve("blobs/sha256/" + digest.hex()), bytes);
        return Map.of("mediaType", mediaType, "digest", digest.toString(), "size", (long) bytes.length);
    }

    private JsonObject json(String... arguments) throws IOException {
        return JsonParser.parse(arguments[0], words(arguments).getBytes(StandardCharsets.UTF_8))
                .object();
    }

    private String words(String... arguments) {
        assertEquals(0, status(arguments), () -> String.join(" ", arguments) + ": " + errors);
        return output.toString(StandardCharsets.UTF_8);
    }

    private int status(String... arguments) {
        output.reset();
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

    private String at(String name) {
        return directory.resolve(name).toString();
    }

    private static void run(String... words) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
        builder.environment().put("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), () -> String.join(" ", words) + ": " + output);
    }
}
