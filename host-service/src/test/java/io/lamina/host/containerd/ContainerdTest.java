package io.lamina.host.containerd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.host.ops.Configuration;
import io.lamina.wire.lamina.StatusResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pulls, runs, commits and pushes with real containerds, and compares with what their overlayfs snapshotter shows. */
class ContainerdTest {
    private static final String OURS_FIRST = "[\"lamina-diff\", \"walking\"]";
    private static final String WALKING_ALONE = "[\"walking\"]";

    @TempDir
    private Path directory;

    private TestDaemon daemon(String name, boolean anyDiffer) throws IOException {
        Path place = Files.createDirectories(directory.resolve(name));
        return TestDaemon.start(
                place,
                Configuration.empty()
                        .with("containerd.socket", RealContainerd.socket(place).toString())
                        .with("containerd.root", RealContainerd.root(place).toString())
                        .with("unpack", anyDiffer ? "any" : "lamina"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"trixie", "sid"})
    void anImageIsPulledRunCommittedPushedAndTheSameElsewhere(String suite) throws Exception {
        RealContainerd.needs(suite);
        TestImage image = TestImage.make(directory.resolve("layout"));
        try (RealContainerd.Registry registry = RealContainerd.Registry.start(directory);
                TestDaemon daemon = daemon("one", false);
                RealContainerd containerd = RealContainerd.start(directory.resolve("one"), suite, daemon, OURS_FIRST)) {
            String first = registry.push(image.layout(), "image:1");
            containerd.ctr("images", "pull", "--plain-http", "--snapshotter", "lamina", first);
            assertEquals(image.layers(), counter(daemon.status(), "lamina.conversions"));
            // Ahead of the first container; whichever comes first, it is once.
            assertTrue(counter(daemon.status(), "lamina.merges") <= 1);

            String said = containerd.ctr(
                    "run",
                    "--rm",
                    "--snapshotter",
                    "lamina",
                    first,
                    "ct-1",
                    "/bin/sh",
                    "-c",
                    "cat /etc/release /etc/kept /usr/local/bin/tool; ls /usr/share/doc/all; ls -d /etc/gone 2>/dev/null; id");
            assertTrue(said.startsWith("v3\ngone\nv2\n3\nuid=0"), said);
            containerd.ctr(
                    "run",
                    "-d",
                    "--snapshotter",
                    "lamina",
                    first,
                    "ct-2",
                    "/bin/sh",
                    "-c",
                    "echo new > /etc/new; rm /etc/link; rm -r /usr/share/doc/all; mkdir /usr/share/doc/all; mv /etc/release /root/r; touch /done; sleep 1000");
            awaitFile(daemon, "done");
            assertEquals(1, counter(daemon.status(), "lamina.merges"));
            assertEquals(
                    0751,
                    (int) Files.getAttribute(daemon.root().resolve("mnt/1"), "unix:mode") & 07777,
                    "the image's root");
            String before = mounted(containerd, "container", () -> daemon.mounts(key(daemon, "/ct-2")));

            // What was written becomes a layer, twice the same one.
            byte[] layer = diff(containerd, "ct-2");
            assertEquals(List.of(), differences(layer, diff(containerd, "ct-2")));
            image.add(layer);
            image.write();
            String second = registry.push(image.layout(), "image:2");
            containerd.endTasks();
            containerd.ctr("containers", "rm", "ct-2");

            try (TestDaemon otherDaemon = daemon("two", false);
                    RealContainerd other =
                            RealContainerd.start(directory.resolve("two"), suite, otherDaemon, OURS_FIRST)) {
                other.ctr("images", "pull", "--plain-http", "--snapshotter", "lamina", second);
                other.ctr("images", "pull", "--plain-http", "--snapshotter", "overlayfs", second);
                assertEquals(before, imageListing(other, second, "lamina"));
                assertEquals(
                        withoutRoot(imageListing(other, second, "overlayfs")),
                        withoutRoot(imageListing(other, second, "lamina")));
            }
            // The image goes, and with it every snapshot and mount.
            containerd.ctr("images", "rm", "--sync", first);
            containerd.ctr("content", "prune", "references");
            assertEquals(List.of(), daemon.list());
            assertEquals(
                    List.of(),
                    daemon.mountsBelow().stream()
                            .filter(m -> m.contains("/store/"))
                            .toList());
            assertEquals(
                    "",
                    containerd
                            .warnings()
                            .lines()
                            .filter(line -> line.contains("lamina"))
                            .reduce("", String::concat));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"trixie", "sid"})
    void everyPairOfSnapshotterAndDifferShowsTheSameTree(String suite) throws Exception {
        RealContainerd.needs(suite);
        TestImage image = TestImage.make(directory.resolve("layout"));
        String expected = "";
        for (String differs : List.of(WALKING_ALONE, OURS_FIRST)) {
            String name = "pair" + differs.length();
            try (RealContainerd.Registry registry = RealContainerd.Registry.start(directory);
                    TestDaemon daemon = daemon(name, differs.equals(WALKING_ALONE));
                    RealContainerd containerd = RealContainerd.start(directory.resolve(name), suite, daemon, differs)) {
                String reference = registry.push(image.layout(), "image:1");
                for (String snapshotter : List.of("overlayfs", "lamina")) {
                    containerd.ctr(
                            "images", "pull", "--local", "--plain-http", "--snapshotter", snapshotter, reference);
                    String listing = withoutRoot(imageListing(containerd, reference, snapshotter));
                    assertNotEquals("", listing);
                    expected = expected.isEmpty() ? listing : expected;
                    assertEquals(expected, listing, snapshotter + " with " + differs);
                }
                boolean ours = differs.equals(OURS_FIRST);
                assertEquals(ours ? image.layers() : 0, counter(daemon.status(), "lamina.conversions"));
            }
        }
    }

    @Test
    void twoClientsAtOnceConvertOnce() throws Exception {
        RealContainerd.needs("sid");
        TestImage image = TestImage.make(directory.resolve("layout"));
        try (RealContainerd.Registry registry = RealContainerd.Registry.start(directory);
                TestDaemon daemon = daemon("one", false);
                RealContainerd containerd = RealContainerd.start(directory.resolve("one"), "sid", daemon, OURS_FIRST)) {
            String reference = registry.push(image.layout(), "image:1");
            List<Process> pulls = new ArrayList<>();
            for (String namespace : List.of("a", "b")) {
                pulls.add(containerd
                        .builder(
                                "-n", namespace, "images", "pull", "--plain-http", "--snapshotter", "lamina", reference)
                        .redirectErrorStream(true)
                        .redirectOutput(directory.resolve("pull-" + namespace).toFile())
                        .start());
            }
            for (Process pull : pulls) {
                assertEquals(0, pull.waitFor());
            }
            List<Process> runs = new ArrayList<>();
            for (String namespace : List.of("a", "b")) {
                runs.add(containerd
                        .builder(
                                "-n",
                                namespace,
                                "run",
                                "--rm",
                                "--snapshotter",
                                "lamina",
                                reference,
                                "c-" + namespace,
                                "/bin/cat",
                                "/etc/release")
                        .redirectErrorStream(true)
                        .redirectOutput(directory.resolve("run-" + namespace).toFile())
                        .start());
            }
            for (Process run : runs) {
                assertEquals(0, run.waitFor());
            }
            assertEquals("v3\n", Files.readString(directory.resolve("run-a")));
            assertEquals("v3\n", Files.readString(directory.resolve("run-b")));
            assertEquals(image.layers(), counter(daemon.status(), "lamina.conversions"));
            assertEquals(1, counter(daemon.status(), "lamina.merges"));
        }
    }

    private interface Mounts {
        List<SnapshotMount> get();
    }

    private String mounted(RealContainerd containerd, String name, Mounts mounts) throws Exception {
        Path place = Files.createDirectories(directory.resolve(name + containerd.hashCode()));
        try (MountedSnapshot mounted = MountedSnapshot.of(mounts.get(), place)) {
            return MountedSnapshot.listing(mounted.path());
        }
    }

    private String imageListing(RealContainerd containerd, String reference, String snapshotter) throws Exception {
        Path place = Files.createTempDirectory(directory, "image-");
        containerd.ctr("images", "mount", "--snapshotter", snapshotter, reference, place.toString());
        try {
            return MountedSnapshot.listing(place);
        } finally {
            containerd.ctr("images", "unmount", "--snapshotter", snapshotter, "--rm", place.toString());
        }
    }

    /** containerd's walking differ gives the root directory mode 0755 and root's ownership, whatever the image says. */
    private static String withoutRoot(String listing) {
        return listing.lines().filter(line -> !line.startsWith(". d ")).reduce("", (all, line) -> all + line + "\n");
    }

    private byte[] diff(RealContainerd containerd, String container) throws Exception {
        Path stored = directory.resolve("diff");
        Process process = containerd
                .builder("snapshots", "--snapshotter", "lamina", "diff", container)
                .redirectOutput(stored.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        assertEquals(0, process.waitFor());
        return Files.readAllBytes(stored);
    }

    private static List<String> differences(byte[] one, byte[] other) {
        return Arrays.equals(one, other) ? List.of() : List.of(one.length + " and " + other.length + " bytes");
    }

    private static String key(TestDaemon daemon, String end) {
        return daemon.list().stream()
                .map(info -> info.getName())
                .filter(name -> name.endsWith(end))
                .findFirst()
                .orElseThrow();
    }

    private static void awaitFile(TestDaemon daemon, String name) throws InterruptedException {
        Path upper =
                Path.of(daemon.mounts(key(daemon, "/ct-2")).getFirst().upper().orElseThrow());
        for (int i = 0; i < 300 && Files.notExists(upper.resolve(name)); i++) {
            Thread.sleep(100);
        }
        assertTrue(Files.exists(upper.resolve(name)));
    }

    private static long counter(StatusResponse status, String name) {
        return status.getCountersMap().getOrDefault(name, -1.0).longValue();
    }
}
