package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.json.JsonObject;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine's commands as a user calls them, on tars that GNU tar has made. */
class EngineCommandsTest {
    @TempDir
    private Path directory;

    private Shell shell;

    @BeforeEach
    void makeTars() throws IOException, InterruptedException {
        shell = new Shell(directory);
        Machine.needsProgram("tar");
        Path tree = Files.createDirectories(directory.resolve("tree/etc"));
        Files.writeString(tree.resolve("motd"), "hello\n");
        Files.write(tree.resolve("large"), new byte[2_000_000]);
        Files.writeString(tree.resolve("odd\u001b[31m"), "x");
        Files.createSymbolicLink(tree.resolve("link"), Path.of("motd"));
        Shell.run("tar", "-C", directory.resolve("tree").toString(), "-cf", shell.at("base.tar"), ".");
        Files.writeString(tree.resolve("motd"), "goodbye\n");
        Files.delete(tree.resolve("large"));
        Shell.run("tar", "-C", directory.resolve("tree").toString(), "-cf", shell.at("top.tar"), ".");
        try (OutputStream zipped = new GZIPOutputStream(Files.newOutputStream(directory.resolve("base.tar.gz")))) {
            Files.copy(directory.resolve("base.tar"), zipped);
        }
    }

    @Test
    void aConvertedLayerExportsIdentically() throws IOException {
        JsonObject told = shell.json("layer", "convert", shell.at("base.tar.gz"), "--digest", "--json");
        byte[] tar = Files.readAllBytes(directory.resolve("base.tar"));
        assertEquals(Digest.ofContent(tar).toString(), string(told, "diffId"));
        assertEquals(4096, integer(told, "blockSize"));
        assertEquals(Files.size(directory.resolve("base.erofs")), integer(told, "blocks") * 4096);
        assertEquals(
                Digest.ofContent(Files.readAllBytes(directory.resolve("base.erofs")))
                        .toString(),
                string(told, "blobDigest"));

        JsonObject exported =
                shell.json("layer", "export", shell.at("base.erofs"), "-o", shell.at("again.tar"), "--json");
        assertEquals("identical", string(exported, "kind"));
        assertArrayEquals(tar, Files.readAllBytes(directory.resolve("again.tar")));

        JsonObject canonical = shell.json(
                "layer", "export", shell.at("base.erofs"), "--canonical", "-o", shell.at("canonical.tar"), "--json");
        JsonObject converted =
                shell.json("layer", "convert", shell.at("canonical.tar"), "-o", shell.at("canonical.erofs"), "--json");
        assertEquals(string(canonical, "diffId"), string(converted, "diffId"));
        assertEquals(integer(told, "inodes"), integer(converted, "inodes"));
    }

    @Test
    void rootHashAndTreeAreThoseOfVeritysetup() throws IOException, InterruptedException {
        Machine.needsProgram("veritysetup");
        convertBoth();
        JsonObject device = shell.json(
                "device",
                "flatten",
                shell.at("base.erofs"),
                shell.at("top.erofs"),
                "--raw",
                shell.at("raw"),
                "--hash",
                shell.at("hash"),
                "--json");
        assertEquals(
                string(device, "rootHash"),
                string(
                        shell.json("device", "root", shell.at("base.erofs"), shell.at("top.erofs"), "--json"),
                        "rootHash"));
        verify(device);
    }

    @Test
    void anIndexAndItsTarMakeADeviceOfSectors() throws IOException, InterruptedException {
        Machine.needsProgram("veritysetup");
        JsonObject index = shell.json(
                "layer", "convert", "--format=tar-index", shell.at("base.tar"), "-o", shell.at("index"), "--json");
        assertEquals(512, integer(index, "blockSize"));
        JsonObject device = shell.json(
                "device",
                "flatten",
                shell.at("index") + "=" + shell.at("base.tar"),
                "--raw",
                shell.at("raw"),
                "--hash",
                shell.at("hash"),
                "--json");
        assertEquals(512, integer(device, "dataBlockSize"));
        verify(device);
        assertEquals("hello\n", shell.words("erofs", "cat", shell.at("raw"), "/etc/link"));
    }

    private void verify(JsonObject device) throws IOException, InterruptedException {
        Shell.run(
                "veritysetup",
                "verify",
                "--no-superblock",
                "--data-block-size=" + integer(device, "dataBlockSize"),
                "--hash-block-size=4096",
                "--data-blocks=" + integer(device, "dataBlocks"),
                "--salt=" + string(device, "salt"),
                shell.at("raw"),
                shell.at("hash"),
                string(device, "rootHash"));
    }

    @Test
    void vmdkAndVhdAreTheDevice() throws IOException, InterruptedException {
        Machine.needsProgram("qemu-img");
        convertBoth();
        shell.words(
                "device",
                "flatten",
                shell.at("base.erofs"),
                shell.at("top.erofs"),
                "--raw",
                shell.at("raw"),
                "--vmdk",
                shell.at("vmdk"),
                "--vhd",
                shell.at("vhd"));
        Shell.run("qemu-img", "compare", "-f", "raw", "-F", "vmdk", shell.at("raw"), shell.at("vmdk"));
        Shell.run("qemu-img", "compare", "-f", "raw", "-F", "vpc", shell.at("raw"), shell.at("vhd"));
    }

    @Test
    void theMergedTreeIsTheTopOne() throws IOException {
        convertBoth();
        JsonObject fsmeta = shell.json(
                "layer", "merge", "-o", shell.at("fsmeta"), shell.at("base.erofs"), shell.at("top.erofs"), "--json");
        shell.words("device", "flatten", shell.at("base.erofs"), shell.at("top.erofs"), "--raw", shell.at("raw"));
        assertEquals("goodbye\n", shell.words("erofs", "cat", shell.at("raw"), "etc/motd"));
        JsonObject checked = shell.json("erofs", "fsck", shell.at("raw"), "--json");
        assertTrue(checked.required("clean").bool());
        assertEquals(integer(fsmeta, "inodes"), integer(checked, "inodes"));
        assertEquals(
                2,
                shell.json("erofs", "dump", shell.at("raw"), "--json")
                        .array("devices")
                        .size());
    }

    @Test
    void aDiffTurnsTheLowerTreeIntoTheUpper() throws IOException {
        convertBoth();
        shell.words("layer", "diff", shell.at("base.erofs"), shell.at("top.erofs"), "-o", shell.at("diff.tar"));
        shell.words("layer", "convert", shell.at("diff.tar"));
        shell.words("device", "flatten", shell.at("base.erofs"), shell.at("diff.erofs"), "--raw", shell.at("raw"));
        assertEquals(
                shell.words("erofs", "ls", "-lR", shell.at("top.erofs")),
                shell.words("erofs", "ls", "-lR", shell.at("raw")));
    }

    @Test
    void namesDoNotReachTheTerminalAsTheyAre() throws IOException {
        convertBoth();
        String listed = shell.words("erofs", "ls", shell.at("base.erofs"), "/etc");
        assertEquals("large\nlink\nmotd\nodd\\x1b[31m\n", listed);
        assertEquals("x", shell.words("erofs", "cat", shell.at("base.erofs"), "/etc/odd\\x1b[31m"));
    }

    @Test
    void damageIsTheStatus123AndFailuresLeaveNothing() throws IOException {
        Files.write(directory.resolve("broken.tar"), new byte[700]);
        assertEquals(123, shell.status("layer", "convert", shell.at("broken.tar")));
        assertTrue(shell.errors().contains("at byte"), shell.errors());
        assertEquals(125, shell.status("layer", "convert", shell.at("missing.tar")));
        assertEquals(2, shell.status("layer", "convert", "-"));
        convertBoth();
        byte[] blob = Files.readAllBytes(directory.resolve("base.erofs"));
        blob[1024 + 40] ^= 1;
        Files.write(directory.resolve("damaged.erofs"), blob);
        assertEquals(123, shell.status("erofs", "fsck", shell.at("damaged.erofs")));
        try (Stream<Path> files = Files.list(directory)) {
            List<String> names =
                    files.map(file -> file.getFileName().toString()).sorted().toList();
            assertFalse(
                    names.stream().anyMatch(name -> name.startsWith(".") || name.startsWith("broken.erofs")),
                    names.toString());
        }
    }

    private void convertBoth() throws IOException {
        shell.words("layer", "convert", shell.at("base.tar"));
        shell.words("layer", "convert", shell.at("top.tar"));
    }

    private static String string(JsonObject answer, String name) throws IOException {
        return answer.required(name).string();
    }

    private static long integer(JsonObject answer, String name) throws IOException {
        return answer.required(name).integer(0, Long.MAX_VALUE);
    }
}
