package io.lamina.vhostuser.server;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockDriver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real server at the other end of a real socket, and a peer that is out of its mind. */
class FuzzTest {
    private static final long DEVICE_BYTES = 1 << 19;

    /** Held here: a logger that nobody holds forgets its level. */
    private static final Logger LOGGER = Logger.getLogger("io.lamina.vhostuser.server");

    @TempDir
    private Path directory;

    @BeforeEach
    void quiet() {
        LOGGER.setLevel(Level.SEVERE);
    }

    @AfterEach
    void loud() {
        LOGGER.setLevel(null);
    }

    @Test
    void mutationsHurtNobody() throws Exception {
        fuzz(200_000, Long.getLong("lamina.seed", 1));
    }

    @Test
    @Tag("soak")
    void tenMillionMutationsHurtNobody() throws Exception {
        fuzz(10_000_000, Long.getLong("lamina.seed", System.nanoTime()));
    }

    private void fuzz(int mutations, long seed) throws Exception {
        int done = 0;
        try (Served served = new Served(new PatternDevice(DEVICE_BYTES, FuzzingGuest::deviceWord), directory)) {
            readSomething(served);
            List<String> before = OpenDescriptors.list();
            Random random = new Random(seed);
            while (done < mutations) {
                int until = Math.min(mutations, done + 1 + random.nextInt(400));
                try (FuzzingGuest guest = new FuzzingGuest(served.socket, random)) {
                    while (done < until && !guest.isOver()) {
                        guest.mutate();
                        done++;
                    }
                    guest.hangUp();
                    served.awaitEnd();
                    guest.judge();
                }
            }
            readSomething(served);
            OpenDescriptors.awaitSame(before);
        } catch (Exception | AssertionError failure) {
            throw new AssertionError("seed " + seed + ", mutation " + done, failure);
        }
    }

    private static void readSomething(Served served) throws IOException, InterruptedException {
        try (Served.Guest guest = served.guest();
                BlockDriver queue = guest.queue(0)) {
            assertEquals(VirtioBlk.S_OK, queue.run(VirtioBlk.T_IN, 7, 512, Served.WAIT_MILLIS));
        }
        served.awaitEnd();
    }
}
