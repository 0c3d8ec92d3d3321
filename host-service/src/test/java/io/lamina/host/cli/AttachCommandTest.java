package io.lamina.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonWriter;
import io.lamina.linux.testing.Machine;
import io.lamina.shim.hcs.HcsMount;
import io.lamina.shim.mount.RootfsMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An image attached to other programs' machines, detached again, and the checks of bundles and of this host. */
class AttachCommandTest {
    @TempDir
    private Path directory;

    private Shell shell;

    @BeforeEach
    void makeImage() throws IOException, InterruptedException {
        Machine.needsRoot();
        Machine.needsProgram("tar", "veritysetup");
        System.setProperty("lamina.home", directory.resolve("home").toString());
        shell = new Shell(directory);
        Path tree = Files.createDirectories(directory.resolve("tree/etc"));
        Files.writeString(tree.resolve("motd"), "hello\n");
        TestImage.write(directory.resolve("layout"), directory.resolve("tree"));
    }

    @AfterEach
    void forgetTheStore() {
        System.clearProperty("lamina.home");
    }

    @Test
    void everyProgramGetsItsWordsAndGivesAllBack() throws IOException {
        String root = shell.json("device", "root", image(), "--json")
                .required("rootHash")
                .string();
        for (String program : List.of("kata-rs", "kata-go", "hcs-lcow")) {
            JsonObject told = shell.json("attach", image(), "--for", program, "--scratch-size", "1048576", "--json");
            JsonObject attachment = told.required("attachment").object();
            assertTrue(told.names().size() > 1, program);
            assertEquals(
                    root,
                    attachment.required("device").object().required("rootHash").string(),
                    program);
            String id = attachment.required("id").string();
            assertTrue(shell.words("attach", "--list").contains(id), program);
            assertEquals(0, shell.status("detach", id), shell.errors());
            assertTrue(!shell.words("attach", "--list").contains(id), program);
        }
        try (Stream<Path> left = Files.walk(directory.resolve("home"))) {
            assertEquals(
                    List.of(),
                    left.filter(path -> path.toString().contains("/leases/")).toList());
        }
    }

    @Test
    void whatIsNoProgramOrNoSizeIsRefused() {
        assertEquals(2, shell.status("attach", image(), "--for", "firecracker"));
        assertEquals(2, shell.status("attach", image(), "--for", "kata-rs", "--scratch-size", "1000"));
        assertNotEquals(0, shell.status("detach", "no-such-attachment"));
    }

    @Test
    void aBundleIsResolvedFromTheRequest() throws IOException {
        Files.writeString(
                directory.resolve("config.json"),
                "{\"windows\":{\"layerFolders\":null},\"linux\":{},\"root\":{\"path\":\"\"}}");
        RootfsMount layers = new HcsMount.LcowLayer("C:\\scratch", List.of("C:\\top", "C:\\base")).mount();
        Files.write(
                directory.resolve("rootfs.json"),
                JsonWriter.write(List.of(
                        Map.of("type", layers.type(), "source", layers.source(), "options", layers.options()))));
        String[] bundle = {directory.toString(), "--rootfs", shell.at("rootfs.json")};
        JsonObject checked = shell.json("bundle", "check", bundle[0], bundle[1], bundle[2], "--json");
        assertEquals(3, checked.array("layerFolders").size());
        JsonObject resolved = shell.json("bundle", "resolve", bundle[0], bundle[1], bundle[2]);
        assertEquals(
                3, resolved.required("windows").object().array("layerFolders").size());
        assertEquals(1, shell.status("bundle", "check", directory.toString()), "layers nowhere");
    }

    @Test
    void theDoctorTellsOfEveryRoute() throws IOException {
        JsonObject told = shell.json("doctor", "--json");
        assertEquals(9, told.array("routes").size(), "A to I");
    }

    private String image() {
        return "oci:" + shell.at("layout") + ":v1";
    }
}
