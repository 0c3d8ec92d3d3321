package io.lamina.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.testing.Machine;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpawnTest {
    private static final Path SHELL = Path.of("/bin/bash"); // of descriptors above 9, unlike dash

    @Test
    void aChildGetsItsArgumentsAndItsEnvironmentAndNothingElse() throws IOException {
        Spawn spawn = Spawn.of(Path.of("/usr/bin/env"), List.of()).environment(List.of("A=1", "B=ä b"));
        assertEquals("A=1\nB=ä b\n", outputOf(spawn));
        assertEquals("x y|$HOME\n", outputOf(shell("echo \"$1|$2\"", "x y", "$HOME")));
    }

    @Test
    void theStatusOrTheSignalOfAChildComesBackAndStays() throws IOException {
        try (Pidfd child = shell("exit 7").start()) {
            assertEquals(new ExitStatus(7, 0), child.waitFor());
            assertEquals(new ExitStatus(7, 0), child.waitFor());
            child.signal(Pidfd.SIGKILL); // to nobody, which is no error
        }
        try (Pidfd child = shell("kill -TERM $$").start()) {
            assertEquals(143, child.waitFor().asShell());
        }
    }

    @Test
    void aWaitWithALimitEndsAndASignalEndsTheChild() throws IOException {
        try (Pidfd child = Spawn.of(Path.of("/bin/sleep"), List.of("1000")).start()) {
            assertTrue(child.waitFor(Duration.ofMillis(20)).isEmpty());
            child.signal(Pidfd.SIGTERM);
            assertEquals(
                    new ExitStatus(0, Pidfd.SIGTERM),
                    child.waitFor(Duration.ofSeconds(20)).orElseThrow());
        }
    }

    @Test
    void onlyMappedDescriptorsReachTheChildEvenWhenTheirNumbersCross() throws IOException {
        try (Pipe first = Pipe.create();
                Pipe second = Pipe.create();
                OwnedFd leaky = first.readEnd().duplicate()) {
            leaky.setCloseOnExec(false);
            int a = first.writeEnd().number();
            int b = second.writeEnd().number();
            // Each of the two under the number of the other.
            Spawn spawn = shell("echo first >&$1; echo second >&$2; ls /proc/self/fd >&$2", "" + b, "" + a)
                    .descriptor(b, first.writeEnd())
                    .descriptor(a, second.writeEnd());
            try (Pidfd child = spawn.start()) {
                assertTrue(child.waitFor().success());
            }
            String ofFirst = drain(first);
            List<String> ofSecond = drain(second).lines().toList();
            assertEquals("first\n", ofFirst);
            assertEquals("second", ofSecond.getFirst());
            List<String> expected = new ArrayList<>(List.of("0", "1", "2", "" + a, "" + b));
            List<String> open = new ArrayList<>(ofSecond.subList(1, ofSecond.size()));
            // ls has the directory itself open, under the lowest free number.
            assertEquals(expected.size() + 1, open.size(), () -> "open in the child: " + open);
            assertTrue(open.containsAll(expected), () -> "open in the child: " + open);
        }
    }

    @Test
    void standardStreamsThatAreNotMappedAreDevNull() throws IOException {
        String links = outputOf(shell("readlink /proc/self/fd/0 /proc/self/fd/2"));
        assertEquals("/dev/null\n/dev/null\n", links);
    }

    @Test
    void aMissingProgramAndAForbiddenOneAreToldApart(@TempDir Path directory) throws IOException {
        Path plain = Files.writeString(directory.resolve("plain"), "no program");
        String missing = directory.resolve("missing").toString();
        List<byte[]> arguments = List.of("x".getBytes(StandardCharsets.UTF_8));
        assertEquals(Errno.ENOENT, errnoOf(Spawn.firstOf(List.of(missing), arguments)));
        assertEquals(Errno.EACCES, errnoOf(Spawn.firstOf(List.of(plain.toString(), missing), arguments)));
        assertEquals(Errno.ENOTDIR, errnoOf(Spawn.firstOf(List.of(plain + "/below"), arguments)));
        Spawn third = Spawn.firstOf(List.of(missing, plain.toString(), "/bin/true"), arguments);
        try (Pidfd child = third.start()) {
            assertTrue(child.waitFor().success());
        }
    }

    @Test
    void theChildStartsInItsDirectoryAndTheCallerStaysWhereItIs() throws IOException {
        assertEquals("/usr/bin\n", outputOf(shell("pwd").directory("/usr/bin")));
        assertEquals(Path.of("").toAbsolutePath() + "\n", outputOf(shell("pwd")));
        SystemCallException failure = assertThrows(
                SystemCallException.class,
                () -> shell("pwd").directory("/missing").start());
        assertEquals("chdir", failure.call());
    }

    @Test
    void aNewSessionHasItsOwnLeader() throws IOException {
        String fields = outputOf(shell("cat /proc/$$/stat; echo $$").newSession());
        String[] stat = fields.lines().findFirst().orElseThrow().split(" ", -1);
        assertEquals(fields.lines().toList().getLast(), stat[5]);
    }

    @Test
    void noSignalOfTheChildIsBlockedOrIgnoredButThoseThatGlibcKeeps() throws IOException {
        String status = outputOf(Spawn.of(Path.of("/bin/cat"), List.of("/proc/self/status")));
        assertEquals(
                List.of("SigBlk:\t0000000000000000", "SigIgn:\t0000000180000000"),
                status.lines()
                        .filter(line -> line.startsWith("SigBlk") || line.startsWith("SigIgn"))
                        .toList());
    }

    @Test
    void aChildWithOtherCredentialsHasThemAloneAndTheCallerKeepsIts() throws IOException {
        Machine.needsRoot();
        Spawn spawn = Spawn.of(Path.of("/bin/cat"), List.of("/proc/self/status"))
                .credentials(new Credentials(1234, 2345, List.of(17, 5)))
                .directory("/");
        List<String> lines = outputOf(spawn).lines().toList();
        assertTrue(lines.contains("Uid:\t1234\t1234\t1234\t1234"), lines::toString);
        assertTrue(lines.contains("Gid:\t2345\t2345\t2345\t2345"), lines::toString);
        assertTrue(lines.contains("Groups:\t5 17 "), lines::toString);
        assertTrue(lines.contains("CapEff:\t0000000000000000"), lines::toString);
        assertTrue(Files.readAllLines(Path.of("/proc/self/status")).contains("Uid:\t0\t0\t0\t0"));
    }

    @Test
    void aChildWithAnotherRootSeesNothingOutsideIt(@TempDir Path root) throws Exception {
        Machine.needsRoot();
        Machine.needsProgram("busybox");
        Files.createDirectories(root.resolve("dir"));
        Files.copy(Path.of("/bin/busybox"), root.resolve("sh"));
        FutureTask<String> inNamespace = new FutureTask<>(() -> {
            Mount.unshareMounts();
            Mount.bind(root.toString(), root.toString());
            try {
                return outputOf(Spawn.of(Path.of("/sh"), List.of("-c", "pwd; echo /*; cd ../..; echo *"))
                        .root(root)
                        .directory("/dir"));
            } finally {
                Mount.unmount(root.toString(), Mount.MNT_DETACH);
            }
        });
        Thread.ofPlatform().start(inNamespace);
        assertEquals("/dir\n/dir /sh\ndir sh\n", inNamespace.get());
        assertFalse(Files.readString(Path.of("/proc/self/mounts")).contains(root.toString()));
    }

    private static Spawn shell(String script, String... arguments) {
        List<String> all = new ArrayList<>(List.of("-c", script, "sh"));
        all.addAll(List.of(arguments));
        return Spawn.of(SHELL, all).environment(List.of("PATH=/usr/bin:/bin"));
    }

    private static int errnoOf(Spawn spawn) {
        return assertThrows(SystemCallException.class, spawn::start).errno();
    }

    private static String outputOf(Spawn spawn) throws IOException {
        try (Pipe pipe = Pipe.create();
                Pidfd child = spawn.descriptor(1, pipe.writeEnd()).start()) {
            String output = drain(pipe);
            assertTrue(child.waitFor().success(), output);
            return output;
        }
    }

    /** Closes the end for writing, then reads until every other writer has closed. */
    private static String drain(Pipe pipe) throws IOException {
        try (InputStream in =
                new FileInputStream("/proc/self/fd/" + pipe.readEnd().number())) {
            pipe.writeEnd().close();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
