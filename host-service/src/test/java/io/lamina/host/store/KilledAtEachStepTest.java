package io.lamina.host.store;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.DirectoryTree;
import io.lamina.linux.testing.Machine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a store's life at each call by which it changes the disk: the making of a staging directory, each
 * force, the rename, each page of the database, each removal. {@code strace} kills, at the call of that number, so the
 * store has nothing in it for this.
 */
class KilledAtEachStepTest {
    /** Every way in which a life changes a directory or a database, or makes either durable, and about how often. */
    private static final Map<String, Integer> CALLS =
            Map.of("rename", 5, "mkdir", 23, "unlink", 18, "rmdir", 10, "fsync", 69, "pwrite64", 664);

    /** How many of each call an ordinary run tries, about. */
    private static final int FEW = 3;

    /** More than a life has. */
    private static final int MANY = 5000;

    @TempDir
    private Path directory;

    @Test
    void aKillAtEveryFewthChangeLosesNothing() throws Exception {
        for (Map.Entry<String, Integer> call : CALLS.entrySet()) {
            kill(call.getKey(), Math.max(1, call.getValue() / FEW));
        }
    }

    @Test
    @Tag("soak")
    void aKillAtEveryChangeLosesNothing() throws Exception {
        for (String call : CALLS.keySet()) {
            kill(call, 1);
        }
    }

    private void kill(String call, int stride) throws Exception {
        Machine.needsProgram("strace");
        int killed = 0;
        boolean whole = false;
        for (int number = 1; !whole && number < MANY; number += stride) {
            Path root = directory.resolve("store");
            Life life = life(call, number, root);
            int done = life.steps.isEmpty() ? -1 : Integer.parseInt(life.steps.getLast());
            whole = life.whole;
            killed++;
            try (Store store = Store.openForDaemon(StoreRoot.in(root))) {
                StoreLife.check(store, done);
                if (store.snapshots().count() == 0) {
                    new StoreLife(_ -> {}).live(store); // and it goes on
                }
            } catch (IOException | AssertionError lost) {
                throw new AssertionError("killed at " + call + " " + number + ", behind step " + done, lost);
            }
            DirectoryTree.delete(root);
        }
        boolean enough = killed > 2;
        System.out.println(killed - 1 + " kills at " + call);
        assertTrue(whole && enough, () -> "never killed, or never whole, at " + call);
    }

    /** The steps that had ended, and whether it was never killed. */
    private record Life(List<String> steps, boolean whole) {}

    /** Lives until the change of this number. */
    private Life life(String call, int number, Path root) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        "strace",
                        "-f",
                        "-qq",
                        "-o",
                        "/dev/null",
                        "-e",
                        "trace=" + call,
                        "-e",
                        "inject=" + call + ":signal=KILL:when=" + number,
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-XX:-UsePerfData", // which makes files too
                        "-cp",
                        System.getProperty("java.class.path"),
                        StoreLife.class.getName(),
                        root.toString())
                .redirectError(directory.resolve("said").toFile())
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        boolean whole = process.waitFor() == 0;
        assertTrue(!whole || said.lines().count() == StoreLife.STEPS, this::error);
        return new Life(said.lines().toList(), whole);
    }

    private String error() {
        try {
            return Files.readString(directory.resolve("said"));
        } catch (IOException none) {
            return none.toString();
        }
    }
}
