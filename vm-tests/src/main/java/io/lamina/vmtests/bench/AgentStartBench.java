package io.lamina.vmtests.bench;

import io.lamina.host.guestimage.GuestImages;
import io.lamina.host.run.Installation;
import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The guest agent's own start, outside a machine: the guest image's Java runtime, class archive and jars go through a talk
 * with a host, from {@code main()} to the call of device-mapper. The Java runtime's start is not in it.
 */
final class AgentStartBench {
    private static final String REHEARSAL = "/tmp/rehearsal";
    private static final String TOOK = "took ";

    private AgentStartBench() {}

    /**
     * Runs it and prints a table.
     *
     * @param installation whose guest image it is
     * @param scratch takes the guest's files
     */
    static void run(Installation installation, Path scratch, int rounds) throws IOException, InterruptedException {
        Path guest = Files.createDirectories(scratch.resolve("guest-root"));
        Path initramfs = new GuestImages(installation.home().resolve("guest"), installation.agentJars())
                .current()
                .initramfs();
        try {
            // The archive of classes is good only for files with the times that it was made for.
            tool("sh", "-c", "gzip -dc " + initramfs + " | (cd " + guest + " && busybox cpio -idm 2>&1)");
            Files.createDirectories(guest.resolve(REHEARSAL.substring(1)));
            String _ = java(guest, REHEARSAL);
            double[] millis = new double[rounds];
            for (int i = 0; i < rounds; i++) {
                String said = java(guest, REHEARSAL, "again");
                int at = said.indexOf(TOOK);
                if (at < 0 || !said.contains("/dev/mapper/control")) {
                    throw new AssertionError("the agent did not come to the device-mapper: " + said);
                }
                millis[i] = Long.parseLong(said.substring(at + TOOK.length(), said.indexOf(" us", at))) / 1000.0;
            }
            Arrays.sort(millis);
            System.out.printf(
                    Locale.ROOT,
                    "%n### The agent outside a machine, main() to device-mapper%n%n| runs | least | median | most |%n"
                            + "|---|---|---|---|%n| %d | %.0f ms | %.0f ms | %.0f ms |%n",
                    rounds,
                    millis[0],
                    millis[rounds / 2],
                    millis[rounds - 1]);
        } finally {
            DirectoryTree.delete(guest);
        }
    }

    /** As the guest's first process starts it, with another main class; needs root, to change into the guest's files. */
    private static String java(Path guest, String... arguments) throws IOException, InterruptedException {
        List<String> options = Files.readAllLines(guest.resolve("lamina/java.options"));
        Files.write(guest.resolve("tmp/options"), options.subList(0, options.size() - 1));
        // The loader finds the runtime's libraries by /proc; the mount is this process's own.
        String start = "mount -t proc proc \"$1/proc\" && exec chroot \"$@\"";
        Stream<String> line = Stream.of(
                "unshare",
                "--mount",
                "sh",
                "-c",
                start,
                "sh",
                guest.toString(),
                "/jre/bin/java",
                "@/tmp/options",
                "io.lamina.guest.Rehearsal");
        return tool(Stream.concat(line, Stream.of(arguments)).toArray(String[]::new));
    }

    private static String tool(String... line) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        // A whole rehearsal ends early here: these files have no devices and no program to run. The talk has been by
        // then.
        if (status != 0 && !said.contains("rehearsed: ")) {
            throw new IOException(String.join(" ", line) + ": status " + status + ", " + said);
        }
        return said;
    }
}
