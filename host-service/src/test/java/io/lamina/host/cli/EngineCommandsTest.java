package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The engine's commands as a user calls them, on tars that GNU tar has made. */
class EngineCommandsTest {
    @TempDir
    private Path directory;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final StringWriter errors = new StringWriter();

    @BeforeEach
    void makeTars() throws IOException, InterruptedException {
        Machine.needsProgram("tar");
        Path tree = Files.createDirectories(directory.resolve("tree/etc"));
        Files.writeString(tree.resolve("motd"), "hello\n");
        Files.write(tree.resolve("large"), new byte[2_000_000]);
        Files.writeString(tree.resolve("odd\u001b[31m"), "x");
        Files.createSymbolicLink(tree.resolve("link"), Path.of("motd"));
        run("tar", "-C", directory.resolve("tree").toString(), "-cf", at("base.tar"), ".");
        Files.writeString(tree.resolve("motd"), "goodbye\n");
        Files.delete(tree.resolve("large"));
        run("tar", "-C", directory.resolve("tree").toString(), "-cf", at("top.tar"), ".");
        try (OutputStream zipped = new GZIPOutputStream(Files.newOutputStream(directory.resolve("base.tar.gz")))) {
            Files.copy(directory.resolve("base.tar"), zipped);
        }
    }

    @Test
    void aConvertedLayerExportsIdentically() throws IOException {
        JsonObject told = json("layer", "convert", at("base.tar.gz"), "--digest", "--json");
        byte[] tar = Files.readAllBytes(directory.resolve("base.tar"));
        assertEquals(Digest.ofContent(tar).toString(), string(told, "diffId"));
        assertEquals(4096, integer(told, "blockSize"));
        assertEquals(Files.size(directory.resolve("base.erofs")), integer(told, "blocks") * 4096);
        assertEquals(
                Digest.ofContent(Files.readAllBytes(directory.resolve("base.erofs")))
                        .toString(),
                string(told, "blobDigest"));

        JsonObject exported = json("layer", "export", at("base.erofs"), "-o", at("again.tar"), "--json");
        assertEquals("identical", string(exported, "kind"));
        assertArrayEquals(tar, Files.readAllBytes(directory.resolve("again.tar")));

        JsonObject canonical =
                json("layer", "export", at("base.erofs"), "--canonical", "-o", at("canonical.tar"), "--json");
        JsonObject converted = json("layer", "convert", at("canonical.tar"), "-o", at("canonical.erofs"), "--json");
        assertEquals(string(canonical, "diffId"), string(converted, "diffId"));
        assertEquals(integer(told, "inodes"), integer(converted, "inodes"));
    }

    @Test
    void rootHashAndTreeAreThoseOfVeritysetup() throws IOException, InterruptedException {
        Machine.needsProgram("veritysetup");
        convertBoth();
        JsonObject device = json(
                "device",
                "flatten",
                at("base.erofs"),
                at("top.erofs"),
                "--raw",
                at("raw"),
                "--hash",
                at("hash"),
                "--json");
        assertEquals(
                string(device, "rootHash"),
                string(json("device", "root", at("base.erofs"), at("top.erofs"), "--json"), "rootHash"));
        verify(device);
    }

    @Test
    void anIndexAndItsTarMakeADeviceOfSectors() throws IOException, InterruptedException {
        Machine.needsProgram("veritysetup");
        JsonObject index = json("layer", "convert", "--format=tar-index", at("base.tar"), "-o", at("index"), "--json");
        assertEquals(512, integer(index, "blockSize"));
        JsonObject device = json(
                "device",
                "flatten",
                at("index") + "=" + at("base.tar"),
                "--raw",
                at("raw"),
                "--hash",
                at("hash"),
                "--json");
        assertEquals(512, integer(device, "dataBlockSize"));
        verify(device);
        assertEquals("hello\n", words("erofs", "cat", at("raw"), "/etc/link"));
    }

    private void verify(JsonObject device) throws IOException, InterruptedException {
        run(
                "veritysetup",
                "verify",
                "--no-superblock",
                "--data-block-size=" + integer(device, "dataBlockSize"),
                "--hash-block-size=4096",
                "--data-blocks=" + integer(device, "dataBlocks"),
                "--salt=" + string(device, "salt"),
                at("raw"),
                at("hash"),
                string(device, "rootHash"));
    }

    @Test
    void vmdkAndVhdAreTheDevice() throws IOException, InterruptedException {
        Machine.needsProgram("qemu-img");
        convertBoth();
        words(
                "device",
                "flatten",
                at("base.erofs"),
                at("top.erofs"),
                "--raw",
                at("raw"),
                "--vmdk",
                at("vmdk"),
                "--vhd",
                at("vhd"));
        run("qemu-img", "compare", "-f", "raw", "-F", "vmdk", at("raw"), at("vmdk"));
        run("qemu-img", "compare", "-f", "raw", "-F", "vpc", at("raw"), at("vhd"));
    }

    @Test
    void theMergedTreeIsTheTopOne() throws IOException {
        convertBoth();
        JsonObject fsmeta = json("layer", "merge", "-o", at("fsmeta"), at("base.erofs"), at("top.erofs"), "--json");
        words("device", "flatten", at("base.erofs"), at("top.erofs"), "--raw", at("raw"));
        assertEquals("goodbye\n", words("erofs", "cat", at("raw"), "etc/motd"));
        JsonObject checked = json("erofs", "fsck", at("raw"), "--json");
        assertTrue(checked.required("clean").bool());
        assertEquals(integer(fsmeta, "inodes"), integer(checked, "inodes"));
        assertEquals(
                2, json("erofs", "dump", at("raw"), "--json").array("devices").size());
    }

    @Test
    void aDiffTurnsTheLowerTreeIntoTheUpper() throws IOException {
        convertBoth();
        words("layer", "diff", at("base.erofs"), at("top.erofs"), "-o", at("diff.tar"));
        words("layer", "convert", at("diff.tar"));
        words("device", "flatten", at("base.erofs"), at("diff.erofs"), "--raw", at("raw"));
        assertEquals(words("erofs", "ls", "-lR", at("top.erofs")), words("erofs", "ls", "-lR", at("raw")));
    }

    @Test
    void namesDoNotReachTheTerminalAsTheyAre() throws IOException {
        convertBoth();
        String listed = words("erofs", "ls", at("base.erofs"), "/etc");
        assertEquals("large\nlink\nmotd\nodd\\x1b[31m\n", listed);
        assertEquals("x", words("erofs", "cat", at("base.erofs"), "/etc/odd\\x1b[31m"));
    }

    @Test
    void damageIsTheStatus123AndFailuresLeaveNothing() throws IOException {
        Files.write(directory.resolve("broken.tar"), new byte[700]);
        assertEquals(123, status("layer", "convert", at("broken.tar")));
        assertTrue(errors.toString().contains("at byte"), errors.toString());
        assertEquals(125, status("layer", "convert", at("missing.tar")));
        assertEquals(2, status("layer", "convert", "-"));
        convertBoth();
        byte[] blob = Files.readAllBytes(directory.resolve("base.erofs"));
        blob[1024 + 40] ^= 1;
        Files.write(directory.resolve("damaged.erofs"), blob);
        assertEquals(123, status("erofs", "fsck", at("damaged.erofs")));
        try (Stream<Path> files = Files.list(directory)) {
            List<String> names =
                    files.map(file -> file.getFileName().toString()).sorted().toList();
            assertFalse(
                    names.stream().anyMatch(name -> name.startsWith(".") || name.startsWith("broken.erofs")),
                    names.toString());
        }
    }

    private void convertBoth() throws IOException {
        words("layer", "convert", at("base.tar"));
        words("layer", "convert", at("top.tar"));
    }

    private JsonObject json(String... arguments) throws IOException {
        return JsonParser.parse(arguments[0], words(arguments).getBytes(StandardCharsets.UTF_8))
                .object();
    }

    private static String string(JsonObject answer, String name) throws IOException {
        return answer.required(name).string();
    }

    private static long integer(JsonObject answer, String name) throws IOException {
        return answer.required(name).integer(0, Long.MAX_VALUE);
    }

    private String words(String... arguments) {
        assertEquals(0, status(arguments), () -> String.join(" ", arguments) + ": " + errors);
        return output.toString(StandardCharsets.UTF_8);
    }

    /** Runs a command in this process; what it prints is in {@link #output} and {@link #errors}. */
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
