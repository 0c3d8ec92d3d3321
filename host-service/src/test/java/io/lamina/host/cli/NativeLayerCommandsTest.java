package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import io.lamina.linux.Mount;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.io.OutputStream;
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

/** Layers of mkfs.erofs through the commands; the kernel's mount of the device is held against the layers' files. */
class NativeLayerCommandsTest {
    @TempDir
    private Path directory;

    private Shell shell;

    @BeforeEach
    void makeTrees() throws IOException, InterruptedException {
        shell = new Shell(directory);
        Machine.needsRoot();
        Machine.needsFileSystem("erofs");
        Machine.needsProgram("mkfs.erofs", "tar", "diff");
        System.setProperty("lamina.home", shell.at("home"));
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
        Shell.run("cp", "-a", shell.at("base"), shell.at("both"));
        Shell.run("cp", "-a", shell.at("top") + "/.", shell.at("both"));
        for (String tree : List.of("base", "top")) {
            Shell.run("tar", "-C", shell.at(tree), "-cf", shell.at(tree + ".tar"), ".");
        }
        shell.words("layer", "convert", shell.at("top.tar"));
    }

    @AfterEach
    void forgetTheStore() {
        System.clearProperty("lamina.home");
    }

    @Test
    void aCompressedLayerIsMergedAsItIs() throws Exception {
        for (String options : List.of("-zlz4", "-zlz4hc -C65536", "--chunksize=4096", "-Enoinline_data", "")) {
            mkfs("base.native", options);
            JsonObject fsmeta = shell.json(
                    "layer",
                    "merge",
                    "-o",
                    shell.at("fsmeta"),
                    shell.at("base.native"),
                    shell.at("top.erofs"),
                    "--json");
            assertEquals(List.of(), fsmeta.array("copiedLayers"), options);
            holdsBoth(flatten(shell.at("base.native"), shell.at("top.erofs")), 0);
        }
    }

    @Test
    void whatCannotBePointedToIsCopiedAndTold() throws Exception {
        mkfs("base.native", "-zlz4 -Eztailpacking");
        JsonObject fsmeta = shell.json(
                "layer", "merge", "-o", shell.at("fsmeta"), shell.at("base.native"), shell.at("top.erofs"), "--json");
        JsonObject copied = fsmeta.array("copiedLayers").getFirst().object();
        assertEquals(shell.at("base.native"), copied.required("layer").string());
        assertTrue(copied.required("reason").string().contains("compressed data among its metadata"));
        assertEquals(
                copied.required("blob").string(),
                fsmeta.array("layers").getFirst().object().required("file").string());
        assertTrue(Files.exists(Path.of(copied.required("blob").string())));
        // The second time the copy comes from the store.
        JsonObject first = flatten(shell.at("base.native"), shell.at("top.erofs"));
        holdsBoth(first, 1);
        JsonObject second = flatten(shell.at("base.native"), shell.at("top.erofs"));
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
        holdsBoth(flatten(shell.at("base.native"), shell.at("top.erofs")), 0);
    }

    @Test
    void aTarIndexAmongOthersIsCopied() throws Exception {
        shell.words("layer", "convert", "--format=tar-index", shell.at("base.tar"), "-o", shell.at("index"));
        holdsBoth(flatten(shell.at("index") + "=" + shell.at("base.tar"), shell.at("top.erofs")), 1);
    }

    @Test
    void anIndexWithItsTarBehindIsCopied() throws Exception {
        shell.words("layer", "convert", "--format=tar-index", shell.at("base.tar"), "-o", shell.at("index"));
        try (OutputStream both = Files.newOutputStream(directory.resolve("index"), StandardOpenOption.APPEND)) {
            Files.copy(directory.resolve("base.tar"), both);
        }
        holdsBoth(flatten(shell.at("index"), shell.at("top.erofs")), 1);
    }

    @Test
    void aTruncatedTarIsRefused() throws Exception {
        shell.words("layer", "convert", "--format=tar-index", shell.at("base.tar"), "-o", shell.at("index"));
        Files.write(directory.resolve("short"), new byte[5000]);
        refused("has 5000 bytes", "device", "root", shell.at("index") + "=" + shell.at("short"));
    }

    @Test
    void mergedMetadataIsNoLayer() throws Exception {
        mkfs("base.native", "-zlz4");
        shell.words("layer", "merge", "-o", shell.at("fsmeta"), shell.at("base.native"), shell.at("top.erofs"));
        refused(
                "merge the layers",
                "layer",
                "merge",
                "-o",
                shell.at("again"),
                shell.at("fsmeta"),
                shell.at("top.erofs"));
    }

    @Test
    void aDeviceTableWithoutSizesIsRefused() throws Exception {
        mkfs("base.native", "--chunksize=4096 --blobdev=" + shell.at("data"));
        refused(
                "does not tell how large its device is",
                "layer",
                "merge",
                "-o",
                shell.at("fsmeta"),
                shell.at("base.native") + "=" + shell.at("data"));
    }

    @Test
    void anImageOfErofsLayersIsTaken() throws Exception {
        mkfs("base.native", "-zlz4hc -C65536");
        layout("compressed", "base.native", "top.erofs");
        holdsBoth(flatten("oci:" + shell.at("compressed")), 0);
        mkfs("base.native", "-zlz4 -Eztailpacking");
        layout("tails", "base.native", "top.erofs");
        JsonObject first = flatten("oci:" + shell.at("tails"));
        holdsBoth(first, 1);
        JsonObject second = flatten("oci:" + shell.at("tails"));
        holdsBoth(second, 1);
        assertEquals(
                first.required("rootHash").string(), second.required("rootHash").string());
        layout("wrong", "base.native", "top.erofs");
        Path blob =
                directory.resolve("wrong/blobs/sha256/" + digest("base.native").hex());
        byte[] bytes = Files.readAllBytes(blob);
        bytes[bytes.length - 5000] ^= 1;
        Files.write(blob, bytes);
        System.setProperty("lamina.home", shell.at("another"));
        refused("has the digest", "device", "root", "oci:" + shell.at("wrong"));
    }

    private JsonObject flatten(String... layers) throws IOException {
        List<String> command = new ArrayList<>(List.of("device", "flatten"));
        command.addAll(List.of(layers));
        command.addAll(List.of("--raw", shell.at("raw"), "--json"));
        return shell.json(command.toArray(String[]::new));
    }

    private void holdsBoth(JsonObject device, int copies) throws Exception {
        List<JsonValue> copied = device.array("copiedLayers");
        assertEquals(copies, copied.size());
        Path mountPoint = Files.createDirectories(directory.resolve("mounted"));
        PrivateMounts.run(mounts -> {
            mounts.mount(shell.at("raw"), mountPoint, "erofs", Mount.MS_RDONLY, "");
            Shell.run("diff", "-r", shell.at("both"), mountPoint.toString());
            mounts.unmount(mountPoint);
        });
    }

    private void refused(String words, String... command) {
        assertTrue(shell.status(command) > 2, String.join(" ", command));
        assertTrue(shell.errors().contains(words), shell.errors());
    }

    private void mkfs(String image, String options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("mkfs.erofs", "--quiet"));
        if (!options.isEmpty()) {
            command.addAll(List.of(options.split(" ")));
        }
        command.addAll(List.of(shell.at(image), shell.at("base")));
        Files.deleteIfExists(directory.resolve(image));
        Shell.run(command.toArray(String[]::new));
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
}
