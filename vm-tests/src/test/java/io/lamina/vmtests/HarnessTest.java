package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.junit.CommandResult;
import io.lamina.junit.VirtualMachine;
import io.lamina.junit.VirtualMachineException;
import io.lamina.junit.VmImage;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The harness as a suite uses it, in the demonstration image. One machine serves all tests of this class. */
@VmImage(HarnessTest.IMAGE)
class HarnessTest {
    static final String IMAGE = "oci:target/lamina-home/demo-image:latest";

    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());

    @TempDir
    private Path directory;

    @BeforeAll
    static void needs() throws IOException, InterruptedException {
        prepare();
    }

    /** Makes the image, and names the command by which the harness starts machines. */
    static void prepare() throws IOException, InterruptedException {
        Machine.needsProgram("qemu-system-x86_64", "umoci", "skopeo", "xz");
        Path _ = DemoImage.in(LAMINA);
        System.setProperty("lamina.command", LAMINA.script().toString());
    }

    @RepeatedTest(20)
    void eachTestFindsNothingOfThoseBeforeIt(VirtualMachine machine) {
        CommandResult found = machine.shell(
                "ls /etc/mark; cat /dev/shm/mark; pgrep sleep; echo x >/etc/mark; echo x >/dev/shm/mark; rm -r /var/tmp; "
                        + "sleep 1000 >/dev/null 2>&1 & exit 0");
        assertEquals("", found.stdout());
        assertEquals(0, found.status(), found::toString);
    }

    @Test
    void aCommandHasEnvironmentDirectoryUserInputAndStatus(VirtualMachine machine) {
        String text = "line\n".repeat(200_000);
        CommandResult result = machine.command("/bin/sh", "-c", "echo $A; pwd; id -u; wc -c; echo oops >&2; exit 5")
                .environment("A", "b c")
                .directory("/etc")
                .user("guest")
                .input(text)
                .run();
        assertEquals("b c\n/etc\n1000\n" + text.length() + "\n", result.stdout());
        assertEquals("oops\n", result.stderr());
        assertEquals(5, result.status());
        assertEquals(127, machine.run("/nonexistent").status());
        assertEquals(126, machine.run("/etc").status());
        assertEquals(128 + 15, machine.shell("kill -TERM $$").status());
    }

    @Test
    void manyCommandsRunAtOnceAndEachHasItsOwnOutput(VirtualMachine machine) {
        List<CompletableFuture<String>> all = IntStream.range(0, 12)
                .mapToObj(n ->
                        CompletableFuture.supplyAsync(() -> machine.shell("for i in 1 2 3 4 5; do echo " + n + "; done")
                                .stdout()))
                .toList();
        for (int n = 0; n < all.size(); n++) {
            assertEquals((n + "\n").repeat(5), all.get(n).join());
        }
    }

    @Test
    void aTreeGoesInAndComesOutTheSame(VirtualMachine machine) throws Exception {
        Path source = Files.createDirectories(directory.resolve("source/sub/\u00e4"));
        Files.write(source.resolve("large"), new byte[3 << 20]);
        Path script = Files.writeString(source.resolve("script"), "#!/bin/sh\necho ran\n");
        assertTrue(script.toFile().setExecutable(true));
        Files.createSymbolicLink(source.resolve("link"), Path.of("/etc/passwd"));
        Path from = directory.resolve("source");

        machine.copyIn(from, "/srv/new/place");
        assertEquals("ran\n", machine.run("/srv/new/place/sub/\u00e4/script").stdout());
        machine.copyOut("/srv/new/place", directory.resolve("copy"));

        LaminaCommand.tool(
                "diff",
                "-r",
                "--no-dereference",
                from.toString(),
                directory.resolve("copy").toString());
        assertTrue(Files.isExecutable(directory.resolve("copy/sub/\u00e4/script")));
    }

    @Test
    void aContainersLinksLeadNoCopyOutOfIt(VirtualMachine machine) {
        // In the guest, /lamina/policy.json is the agent's; in the container there is nothing of that name.
        machine.shell("ln -s /../../lamina /out; mkdir /dir; ln -s / /dir/up").orFail();
        assertThrows(VirtualMachineException.class, () -> machine.read("/out/policy.json"));
        machine.write("/dir/up/etc/greeting", "hello");
        assertEquals("hello", machine.shell("cat /etc/greeting").stdout());
        VirtualMachineException refused =
                assertThrows(VirtualMachineException.class, () -> machine.write("/etc/passwd/x", "y"));
        assertTrue(refused.getMessage().contains("Not a directory"), refused.getMessage());
        assertThrows(VirtualMachineException.class, () -> machine.copyIn(Path.of("/nonexistent"), "/srv"));
    }

    @Test
    void whatWasWrittenIsALayer(VirtualMachine machine) throws Exception {
        machine.shell("echo new >/etc/new; rm /etc/passwd; mkdir /made").orFail();
        Path layer = directory.resolve("layer.tar");
        machine.commit(layer);
        Process tar = new ProcessBuilder("tar", "-tf", layer.toString()).start();
        tar.getOutputStream().close();
        List<String> names = new String(tar.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .toList();
        assertTrue(names.containsAll(List.of("./", "etc/", "etc/.wh.passwd", "etc/new", "made/")), names::toString);
        assertEquals(0, LAMINA.run("layer", "convert", layer.toString()).status());
    }

    @Test
    void aCommandThatTakesTooLongIsKilledAndSaysWhatItWrote(VirtualMachine machine) {
        VirtualMachineException late = assertThrows(
                VirtualMachineException.class,
                () -> machine.command("/bin/sh", "-c", "echo begun; exec sleep 1000")
                        .timeout(Duration.ofSeconds(5))
                        .run());
        assertTrue(late.getMessage().contains("more than 5 s"), late.getMessage());
        assertTrue(late.getMessage().contains("begun"), late.getMessage());
        assertEquals("", machine.shell("pgrep sleep").stdout());
    }

    @Test
    void theConsoleIsThereToBeRead(VirtualMachine machine) {
        // Kernel: Documentation/admin-guide/sysrq.rst; 8 lets everything through to the console.
        machine.shell("echo 8 >/proc/sysrq-trigger; echo h >/proc/sysrq-trigger; echo 4 >/proc/sysrq-trigger")
                .orFail();
        assertTrue(machine.console().contains("HELP"), machine.console());
    }
}
