package io.lamina.vhostuser.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What this process has open, to see that nothing is left behind. */
final class OpenDescriptors {
    private static final int PATIENCE = 1000;

    private OpenDescriptors() {}

    /** What each descriptor is, sorted, without those of the JVM's own files. */
    static List<String> list() throws IOException {
        List<String> open = new ArrayList<>();
        try (Stream<Path> entries = Files.list(Path.of("/proc/self/fd"))) {
            for (Path entry : entries.toList()) {
                try {
                    String target = Files.readSymbolicLink(entry).toString();
                    if (isOurs(target)) {
                        // Inode numbers differ from one socket to the next.
                        open.add(target.replaceAll("\\d+", "N"));
                    }
                } catch (IOException gone) {
                    // The descriptor of the listing itself.
                }
            }
        }
        open.sort(null);
        return open;
    }

    /** Waits until the list is what it was; threads that unmap take a moment. */
    static void awaitSame(List<String> before) throws IOException, InterruptedException {
        List<String> now = list();
        for (int i = 0; i < PATIENCE && !now.equals(before); i++) {
            Thread.sleep(20);
            now = list();
        }
        if (!now.equals(before)) {
            throw new AssertionError("descriptors are left open:\nbefore " + before + "\nafter  " + now);
        }
    }

    private static boolean isOurs(String target) {
        return target.startsWith("socket:")
                || target.startsWith("pipe:")
                || target.startsWith("/memfd:")
                || target.contains("[event");
    }
}
