package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.lamina.junit.MachineSettings;
import io.lamina.junit.VirtualMachine;
import io.lamina.junit.VirtualMachineException;
import io.lamina.junit.VmImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/** What is seen of suites that fail, and of those that are killed. */
class HarnessFailureTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());

    @TempDir
    private Path directory;

    @BeforeAll
    static void needs() throws IOException, InterruptedException {
        HarnessTest.prepare();
    }

    /** A suite that this test runs; no name by which a build would find it. */
    @VmImage(value = HarnessTest.IMAGE, scope = VmImage.Scope.CLASS)
    @TestMethodOrder(MethodOrderer.MethodName.class)
    static final class Failing {
        @Test
        void aFirst(VirtualMachine machine) {
            machine.shell("echo 8 >/proc/sysrq-trigger; echo h >/proc/sysrq-trigger; echo left >/etc/left")
                    .orFail();
        }

        @Test
        void bThenFails(VirtualMachine machine) {
            assertEquals("left\n", machine.run("cat", "/etc/left").stdout());
            machine.shell("echo broken >&2; exit 9").orFail();
        }

        @Test
        void cEndsTheMachine(VirtualMachine machine) {
            machine.shell("echo c >/proc/sysrq-trigger");
        }
    }

    @Test
    void aFailureShowsTheConsoleAndKeepsWhatWasWritten() {
        System.setProperty("lamina.vm.failures", directory.toString());
        SummaryGeneratingListener listener = new SummaryGeneratingListener();
        try {
            LauncherFactory.create()
                    .execute(
                            LauncherDiscoveryRequestBuilder.request()
                                    .selectors(selectClass(Failing.class))
                                    .build(),
                            listener);
        } finally {
            System.clearProperty("lamina.vm.failures");
        }
        List<TestExecutionSummary.Failure> failures = listener.getSummary().getFailures();
        assertEquals(2, failures.size(), failures::toString);
        String command = trace(failures.getFirst().getException());
        assertTrue(command.contains("status 9") && command.contains("broken"), command);
        assertTrue(command.contains("HELP") && command.contains("Failing.bThenFails"), command);
        assertTrue(Files.exists(directory.resolve("Failing.bThenFails/written.tar")), command);
        String machine = trace(failures.getLast().getException());
        assertTrue(machine.contains("the machine has ended"), machine);
        assertTrue(machine.contains("--- console") && machine.contains("Kernel Offset"), machine);
    }

    @Test
    void aSuiteThatIsKilledLeavesNoMachine() throws Exception {
        Path events = directory.resolve("events");
        Process suite = new ProcessBuilder(
                        "bash",
                        "-c",
                        "sleep 1000 | '" + LAMINA.script() + "' vm serve " + HarnessTest.IMAGE + " >'" + events
                                + "' & wait")
                .start();
        for (int i = 0;
                i < 1200 && !(Files.exists(events) && Files.readString(events).contains("ready"));
                i++) {
            Thread.sleep(100);
        }
        List<ProcessHandle> started = suite.descendants().toList();
        ProcessHandle writer = started.stream()
                .filter(process -> process.info().command().orElse("").endsWith("sleep"))
                .findFirst()
                .orElseThrow();
        assertTrue(started.size() >= 4, started::toString);
        Assertions.assertTrue(writer.destroyForcibly());
        for (ProcessHandle process : started) {
            ProcessHandle _ = process.onExit().get(60, TimeUnit.SECONDS);
        }
        assertEquals(0, suite.waitFor());
    }

    @Test
    void anImageThatIsNotThereIsSaidAtOnce() {
        VirtualMachineException failure = Assertions.assertThrows(
                VirtualMachineException.class,
                () -> VirtualMachine.boot(MachineSettings.of("oci:/nonexistent/layout")));
        assertTrue(String.valueOf(failure.getMessage()).contains("/nonexistent/layout"), failure.getMessage());
    }

    private static String trace(Throwable failure) {
        StringWriter text = new StringWriter();
        failure.printStackTrace(new PrintWriter(text));
        return text.toString();
    }
}
