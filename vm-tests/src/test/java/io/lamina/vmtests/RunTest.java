package io.lamina.vmtests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.testing.Machine;
import io.lamina.vmtests.LaminaCommand.Result;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code lamina quickstart} and {@code lamina run} from end to end: real packages, a stock kernel, a real machine. Each
 * boot is dear, so a test looks at all that one boot shows.
 */
class RunTest {
    private static final LaminaCommand LAMINA =
            new LaminaCommand(Path.of("target/lamina-home").toAbsolutePath());
    private static final Path LAYOUT = LAMINA.home().resolve("demo-image");

    /** What a file of the demonstration image holds, and no other: where it lies on the device can be searched for. */
    private static final String MARK = "a directory once";

    private static Set<Path> temporaryFilesBefore = Set.of();

    @TempDir
    private Path directory;

    @BeforeAll
    static void needs() throws IOException {
        Machine.needsProgram("qemu-system-x86_64", "umoci", "skopeo", "xz");
        temporaryFilesBefore = temporaryFiles();
    }

    @AfterEach
    void nothingIsLeftBehind() throws IOException, InterruptedException {
        for (int i = 0; i < 50 && !LAMINA.processes().isEmpty(); i++) {
            Thread.sleep(100);
        }
        assertEquals(List.of(), LAMINA.processes());
        Set<Path> new_ = temporaryFiles();
        new_.removeAll(temporaryFilesBefore);
        new_.removeIf(file ->
                directory.startsWith(file) || file.getFileName().toString().startsWith("junit"));
        assertEquals(Set.of(), new_.stream().filter(RunTest::looksLikeOurs).collect(Collectors.toSet()));
        Path staging = LAMINA.home().resolve("store/staging");
        if (Files.exists(staging)) {
            assertEquals(Set.of(), entries(staging));
        }
    }

    @Test
    void quickstartTellsEachStepAndRunsTheImage() throws Exception {
        Result result = LAMINA.run("quickstart");

        assertEquals(0, result.status(), result::toString);
        for (String line :
                List.of("Hello from Linux", "user root", "over three layers", "settings: c", "is writable")) {
            assertTrue(result.stdout().contains(line), result::toString);
        }
        for (String step : List.of(
                "image",
                "guest image",
                "layers",
                "fsmeta",
                "root hash",
                "statement",
                "data plane",
                "boot",
                "mounted")) {
            assertTrue(result.stderr().contains(step), result::toString);
        }
        assertTrue(result.stderr().contains("development key protects from corruption, not from this host"));
        assertTrue(result.stderr().contains("total"), result::toString);
    }

    /** The host hands the tars on as they are, whatever its store has of them; the guest makes the device, and says so. */
    @Test
    void withDiffidTheGuestConvertsAndNoConversionOfTheHostIsTrusted() throws Exception {
        Path layout = copyOfDemoImage();
        Set<Path> before = storedBlobs();
        Result result = LAMINA.run(
                "run",
                "--integrity=diffid",
                "--verbose",
                "oci:" + layout + ":latest",
                "--",
                "/bin/sh",
                "-c",
                "echo proved");
        assertEquals(0, result.status(), result::toString);
        assertTrue(result.stdout().contains("proved"), result::toString);
        for (String step : List.of("tars, as they are", "guest: manifest", "guest: layers", "guest: verity")) {
            assertTrue(result.stderr().contains(step), result::toString);
        }
        assertTrue(!result.stderr().contains("fsmeta"), result::toString);
        assertEquals(before, storedBlobs(), "nothing was converted here");
    }

    private static Set<Path> storedBlobs() throws IOException {
        Path blobs = LAMINA.home().resolve("store/blobs");
        return Files.exists(blobs) ? entries(blobs) : Set.of();
    }

    @Test
    void theImagesOwnSettingsApplyAndTheCommandsStatusIsTheRuns() throws Exception {
        Path layout = copyOfDemoImage();
        LaminaCommand.tool(
                "umoci",
                "config",
                "--image",
                layout + ":latest",
                "--config.user",
                "guest",
                "--config.workingdir",
                "/etc",
                "--config.env",
                "GREETING=good day",
                "--clear",
                "config.entrypoint",
                "--clear",
                "config.cmd",
                "--config.entrypoint",
                "/bin/sh",
                "--config.entrypoint",
                "-c",
                "--config.cmd",
                "echo $GREETING; pwd; id; stat -c %a /; echo oops >&2; cat group | grep -c staff; test -w /etc || echo not writable; exit 7");
        Path archive = directory.resolve("image.tar");
        LaminaCommand.tool("skopeo", "copy", "oci:" + layout + ":latest", "oci-archive:" + archive);

        Result result = LAMINA.run("run", "--integrity=eager", "oci-archive:" + archive);

        assertEquals(7, result.status(), result::toString);
        assertEquals(
                "good day\n/etc\nuid=1000(guest) gid=1000(guest) groups=50(staff)\n751\n1\nnot writable\n",
                result.stdout());
        assertTrue(result.stderr().contains("oops\n"), result::toString);
    }

    @Test
    void aFlippedByteThatIsReadFailsTheRunAndNamesItsBlock() throws Exception {
        Path archive = directory.resolve("docker.tar");
        makeDemoImage();
        LaminaCommand.tool("skopeo", "copy", "oci:" + LAYOUT + ":latest", "docker-archive:" + archive + ":demo:1");
        Path kept = directory.resolve("kept");
        Result before =
                LAMINA.run("run", "--keep", kept.toString(), "docker-archive:" + archive, "--", "cat", "/var/tmp");
        assertEquals(MARK + "\n", before.stdout(), before::toString);
        assertEquals(0, before.status(), before::toString);
        long offset = offsetOfMark(Files.readAllLines(kept.resolve("extents.txt")));

        Result result = LAMINA.run(
                "run",
                "--tamper",
                Long.toString(offset),
                "docker-archive:" + archive,
                "--",
                "/bin/sh",
                "-c",
                "echo before; cat /var/tmp; echo after");

        assertEquals(123, result.status(), result::toString);
        assertFalse(result.stdout().contains("directory"), result::toString);
        assertTrue(result.stderr().contains("[" + offset / 4096 + "]"), result::toString);
    }

    @Test
    void withEagerIntegrityAFlippedByteAlwaysFailsBeforeTheCommand() throws Exception {
        makeDemoImage();
        long paddingOfFsmeta = 400 << 10;

        Result result = LAMINA.run(
                "run",
                "--integrity=eager",
                "--tamper",
                Long.toString(paddingOfFsmeta),
                "oci:" + LAYOUT,
                "--",
                "echo",
                "ran");

        assertEquals(123, result.status(), result::toString);
        assertEquals("", result.stdout());
        assertTrue(result.stderr().contains("[" + paddingOfFsmeta / 4096 + "]"), result::toString);
    }

    @Test
    void killingTheLauncherEndsMachineAndDataPlane() throws Exception {
        makeDemoImage();
        for (String signal : List.of("-KILL", "-TERM")) {
            Process process = LAMINA.start("run", "oci:" + LAYOUT, "--", "sleep", "600");
            for (int i = 0; i < 1200 && LAMINA.processes().size() < 3; i++) {
                Thread.sleep(100);
            }
            assertEquals(3, LAMINA.processes().size(), LAMINA.processes()::toString);

            LaminaCommand.tool("kill", signal, Long.toString(process.pid()));

            nothingIsLeftBehind();
            process.waitFor();
        }
    }

    @Test
    void whatCannotBeRunIsSaidInWords() throws Exception {
        Result noImage = LAMINA.run("run", "oci:/nonexistent/layout");
        assertEquals(125, noImage.status(), noImage::toString);
        assertTrue(noImage.stderr().contains("/nonexistent/layout"), noImage::toString);
        assertFalse(noImage.stderr().contains("Exception"), noImage::toString);

        Result noReference = LAMINA.run("run", "debian:12");
        assertEquals(2, noReference.status(), noReference::toString);
        assertTrue(noReference.stderr().contains("oci:DIR"), noReference::toString);
    }

    private Path copyOfDemoImage() throws IOException, InterruptedException {
        makeDemoImage();
        Path copy = directory.resolve("layout");
        LaminaCommand.tool("cp", "-a", LAYOUT.toString(), copy.toString());
        return copy;
    }

    private static void makeDemoImage() throws IOException, InterruptedException {
        assertEquals(LAYOUT, DemoImage.in(LAMINA));
    }

    /** Where on the device {@link #MARK} lies, by the list of extents that a run has kept. */
    private static long offsetOfMark(List<String> extents) throws IOException {
        for (String line : extents) {
            String[] words = line.split(" ", -1);
            Path file = Path.of(words[2]);
            if (file.endsWith("layer.erofs")) {
                int at = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).indexOf(MARK);
                if (at >= 0) {
                    return Long.parseLong(words[0]) + at;
                }
            }
        }
        throw new AssertionError("no layer has the mark: " + extents);
    }

    private static Set<Path> temporaryFiles() throws IOException {
        Set<Path> all = entries(Path.of("/tmp"));
        all.addAll(entries(Path.of("/dev/shm")));
        return all;
    }

    private static Set<Path> entries(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.collect(Collectors.toCollection(TreeSet::new));
        }
    }

    /** Others use the directory of temporary files, too. */
    private static boolean looksLikeOurs(Path file) {
        return file.getFileName().toString().matches("(?i).*(lamina|jna|netty|qemu).*");
    }
}
