package io.lamina.guest;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Reads the policy and goes through a verification on a second processor while the first one reaches for the host: most of
 * what the agent's first check takes is Java's linking of classes and call sites, which it does once. Nothing of it is
 * kept; the session reads and verifies for itself.
 */
final class WarmUp {
    private WarmUp() {}

    /** Starts it, where there is a processor for it; the thread ends by itself. */
    static Thread start(Path initdata) {
        Thread thread = Thread.ofPlatform().daemon().name("warm-up").unstarted(() -> run(initdata));
        if (Runtime.getRuntime().availableProcessors() > 1) {
            thread.start();
        }
        return thread;
    }

    private static void run(Path initdata) {
        try {
            MeasuredPolicy.load(initdata).trust().rehearse();
        } catch (IOException | RefusedException | RuntimeException told) {
            // The session meets it, too, and tells.
        }
    }
}
