package io.lamina.host.run;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/**
 * The last lines of a machine's console, kept for the message when it fails. A thread of its own reads it, so that a
 * guest that writes much is never held up. What a guest wrote is hostile to a terminal: control characters are dropped.
 */
final class Console {
    private static final int MAX_LINES = 200;
    private static final int MAX_LINE_CHARS = 400;

    private final Deque<String> lines = new ArrayDeque<>();
    private final StringBuilder line = new StringBuilder();

    /** Reads {@code source} to its end and closes it. */
    Console(InputStream source) {
        Thread.ofPlatform().daemon().name("console").start(() -> read(source));
    }

    /** The newest {@code count} lines, oldest first. */
    synchronized String tail(int count) {
        String all = String.join("\n", lines) + (line.isEmpty() ? "" : "\n" + line);
        String[] each = all.split("\n", -1);
        int from = Math.max(0, each.length - count);
        return String.join("\n", Arrays.copyOfRange(each, from, each.length));
    }

    private void read(InputStream source) {
        byte[] chunk = new byte[4096];
        try (source) {
            for (int count = source.read(chunk); count >= 0; count = source.read(chunk)) {
                add(new String(chunk, 0, count, StandardCharsets.ISO_8859_1));
            }
        } catch (IOException closed) {
            add("\n(console lost: " + closed.getMessage() + ")\n");
        }
    }

    private synchronized void add(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\n' || line.length() == MAX_LINE_CHARS) {
                lines.addLast(line.toString());
                line.setLength(0);
                if (lines.size() > MAX_LINES) {
                    lines.removeFirst();
                }
            }
            if (c >= ' ' && c < 0x7f) {
                line.append(c);
            }
        }
    }
}
