package io.lamina.linux.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * What a test needs of its machine. A test that cannot run says so: it is aborted with a line that starts with
 * {@code NOT RUN:}, which {@code ./test} collects, counts and prints at its end; and where {@code LAMINA_TEST_ALL=1}
 * says that everything is there (as {@code ./test} does after it has installed it), a missing need is a failure.
 */
public final class Machine {
    private static final boolean EVERYTHING_IS_HERE = "1".equals(System.getenv("LAMINA_TEST_ALL"));

    private Machine() {}

    /** The test mounts, loops or makes device nodes. */
    public static void needsRoot() {
        try {
            need(Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid")), "root");
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** The test runs each of these programs, looked up on {@code PATH} and in the directories of system programs. */
    public static void needsProgram(String... names) {
        for (String name : names) {
            need(find(name), "the program " + name);
        }
    }

    /** The test mounts a file system that this kernel must know. */
    public static void needsFileSystem(String name) {
        try {
            need(
                    Files.readAllLines(Path.of("/proc/filesystems")).stream()
                            .anyMatch(line -> line.endsWith("\t" + name)),
                    "a kernel with the file system " + name);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** Ends the test as not run, or fails it where everything is said to be here. */
    public static void need(boolean there, String what) {
        if (there) {
            return;
        }
        if (EVERYTHING_IS_HERE) {
            throw new AssertionError("this test needs " + what + ", and LAMINA_TEST_ALL=1 says it is here");
        }
        System.out.println("NOT RUN: needs " + what);
        Assumptions.abort("NOT RUN: needs " + what);
    }

    private static boolean find(String program) {
        String path = System.getenv().getOrDefault("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin";
        return Stream.of(path.split(":", -1))
                .filter(directory -> !directory.isEmpty())
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
    }
}
