package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.oci.Digest;
import io.lamina.linux.testing.Machine;
import io.lamina.vmtests.LaminaCommand.Result;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lamina attach} for monitors and runtimes of others, and what becomes of it when an owner has ended. */
class AttachTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());

    @TempDir
    private Path directory;

    private String image;
    private final List<String> attached = new ArrayList<>();

    @BeforeEach
    void makeImage() throws Exception {
        Machine.needsRoot();
        Machine.needsProgram("umoci");
        image = "oci:" + DemoImage.in(LAMINA);
    }

    @AfterEach
    void detach() throws Exception {
        for (String id : attached) {
            Result _ = LAMINA.run("detach", id);
        }
    }

    @Test
    void qemuReadsTheDeviceWithExactlyThePrintedArguments() throws Exception {
        Machine.needsProgram("qemu-system-x86_64", "busybox", "xz", "dpkg-deb");
        Path flat = Path.of(attach("kata-rs", "--sandbox", "flat")
                .required("attachment")
                .object()
                .required("files")
                .object()
                .required("raw")
                .string());
        JsonObject told = attach("qemu", "--memory", "256");
        Path packages = Path.of(System.getProperty("lamina.test.packages", "target/lamina-home/guest/packages"));
        LinuxGuest.Image guestImage = LinuxGuest.Image.in(directory, packages);
        try (LinuxGuest guest = LinuxGuest.with(guestImage, directory.resolve("q"), arguments(told))) {
            assertEquals("up", guest.next());
            String sum = Digest.ofContent(Files.readAllBytes(flat)).hex();
            assertEquals("sum " + sum + " errors 0 queues 1", guest.next());
        }
    }

    @Test
    void cloudHypervisorIsToldToShareItsMemoryAndWhereTheSocketIs() throws Exception {
        JsonObject told = attach("cloud-hypervisor", "--memory", "1024");
        String socket = told.required("attachment").object().required("socket").string();
        assertEquals(
                List.of(
                        "--memory",
                        "size=1024M,shared=on",
                        "--disk",
                        "vhost_user=true,socket=" + socket + ",num_queues=1,queue_size=128"),
                arguments(told));
        assertTrue(Files.exists(Path.of(socket)));
    }

    /** A volume of Kata's Go runtime: node, socket and description go when the sandbox's process has ended. */
    @Test
    void whatADeadOwnerLeftIsSwept() throws Exception {
        Process owner = new ProcessBuilder("sleep", "1000").start();
        Path store = directory.resolve("store");
        Path volumes = directory.resolve("volumes");
        try {
            JsonObject told = attach(
                    "kata-go",
                    "--owner-pid",
                    Long.toString(owner.pid()),
                    "--volume",
                    "/var/lib/models",
                    "--vhost-user-store",
                    store.toString(),
                    "--direct-volumes",
                    volumes.toString());
            String id = told.required("id").string();
            assertEquals(List.of(id), names(store.resolve("block/devices")));
            assertTrue(names(store.resolve("block/sockets")).contains(id));
            assertEquals(1, names(volumes).size());
        } finally {
            owner.destroyForcibly().waitFor();
        }
        Result swept = LAMINA.run("detach", "--ended");
        assertEquals(0, swept.status(), swept::toString);
        assertEquals(List.of(), names(store.resolve("block/devices")));
        assertEquals(List.of(), names(store.resolve("block/sockets")));
        assertEquals(List.of(), names(volumes));
        Result list = LAMINA.run("attach", "--list");
        assertTrue(!list.stdout().contains(attached.getFirst()), list::toString);
    }

    /** The operator's script says of each route what it found, and of what this host lacks that it was not tried. */
    @Test
    void theOperatorsScriptReportsEveryRouteHonestly() throws Exception {
        Machine.needsProgram("bash", "python3", "qemu-system-x86_64");
        Path script = LaminaCommand.root().resolve("share/prove-routes");
        ProcessBuilder builder = new ProcessBuilder(script.toString(), image).redirectErrorStream(true);
        builder.environment().put("LAMINA_HOME", LAMINA.home().toString());
        // Whatever this host has, the script sees no containerd: none of ours is set up for it.
        Files.createDirectories(directory.resolve("none"));
        builder.environment()
                .put("LAMINA_PROVE_CTR", directory.resolve("none/ctr").toString());
        Process process = builder.start();
        process.getOutputStream().close();
        String report = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), report);
        for (String route : List.of("A", "B", "E")) {
            assertTrue(report.contains("route " + route + ": not tried (no ctr)"), report);
        }
        assertTrue(report.contains("route D: "), report);
        assertTrue(report.contains("route F: prepared"), report);
        assertTrue(report.contains("route G: not tried with Cloud Hypervisor"), report);
        assertTrue(report.contains("route G: works with QEMU"), report);
        assertTrue(report.contains("route I: "), report);
        assertTrue(report.endsWith("== end of report\n"), report);
        Result list = LAMINA.run("attach", "--list");
        assertTrue(!list.stdout().contains("prove-"), () -> "it leaves no attachment: " + list);
    }

    private JsonObject attach(String program, String... more) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(List.of("attach", image, "--for", program, "--json"));
        line.addAll(List.of(more));
        Result result = LAMINA.run(line.toArray(String[]::new));
        assertEquals(0, result.status(), result::toString);
        JsonObject told = JsonParser.parse("attach", result.stdout().getBytes(StandardCharsets.UTF_8))
                .object();
        attached.add(told.required("id").string());
        return told;
    }

    private static List<String> arguments(JsonObject told) throws IOException {
        return told.required("routes")
                .object()
                .required("G")
                .object()
                .required("arguments")
                .strings();
    }

    private static List<String> names(Path parent) throws IOException {
        try (Stream<Path> entries = Files.list(parent)) {
            return entries.map(entry -> String.valueOf(entry.getFileName()))
                    .sorted()
                    .toList();
        }
    }
}
