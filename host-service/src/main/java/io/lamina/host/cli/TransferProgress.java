package io.lamina.host.cli;

import io.lamina.host.registry.TransferListener;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Shows how far blobs are on their way, on the standard error stream: on a terminal a bar for each, ten times a second;
 * elsewhere a plain line as each is done. Any thread may tell.
 */
final class TransferProgress implements TransferListener {
    private static final long EVERY_NANOS = 100_000_000L;
    private static final int BAR = 30;

    private final PrintStream out;
    private final boolean terminal;
    private final boolean quiet;
    private final Map<Digest, Line> lines = new LinkedHashMap<>(); // guarded by this
    private int drawn;
    private long drawnNanos;

    private record Line(Descriptor blob, State state, long doneBytes) {
        String bar() {
            int filled = blob.sizeBytes() == 0 ? BAR : (int) (BAR * doneBytes / blob.sizeBytes());
            return String.format(
                    Locale.ROOT,
                    "%s [%s%s] %s of %s  %s",
                    shortened(blob.digest()),
                    "=".repeat(filled),
                    " ".repeat(BAR - filled),
                    size(doneBytes),
                    size(blob.sizeBytes()),
                    words(state));
        }
    }

    TransferProgress(PrintStream out, boolean terminal, boolean quiet) {
        this.out = out;
        this.terminal = terminal;
        this.quiet = quiet;
    }

    @Override
    public synchronized void tell(Descriptor blob, State state, long doneBytes) {
        if (quiet) {
            return;
        }
        lines.put(blob.digest(), new Line(blob, state, doneBytes));
        if (terminal) {
            long now = System.nanoTime();
            if (state != State.MOVING || now - drawnNanos > EVERY_NANOS) {
                drawnNanos = now;
                draw();
            }
        } else if (state != State.MOVING) {
            out.println(blob.digest() + " " + blob.sizeBytes() + " bytes, " + words(state));
        }
    }

    /** Over what was drawn before. */
    private void draw() {
        StringBuilder text = new StringBuilder();
        if (drawn > 0) {
            text.append("\u001b[").append(drawn).append('A');
        }
        for (Line line : lines.values()) {
            text.append("\r\u001b[K").append(line.bar()).append('\n');
        }
        drawn = lines.size();
        out.print(text);
        out.flush();
    }

    private static String words(State state) {
        return switch (state) {
            case MOVING -> "";
            case DONE -> "done";
            case THERE -> "was there";
            case MOUNTED -> "mounted";
        };
    }

    private static String shortened(Digest digest) {
        return digest.hex().substring(0, 12);
    }

    static String size(long bytes) {
        return bytes < 1 << 20
                ? String.format(Locale.ROOT, "%.1f KiB", bytes / 1024.0)
                : String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
    }

    /** Draws the last state. */
    synchronized void finish() {
        if (terminal && !quiet && !lines.isEmpty()) {
            draw();
        }
    }
}
