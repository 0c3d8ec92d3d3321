package io.lamina.junit;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** A request that is under way, and what has come of it so far. */
final class Pending {
    /** As much output of one command is kept; what follows is dropped, and said to be. */
    private static final int MAX_OUTPUT_BYTES = 64 << 20;

    private static final int WINDOW_BYTES = 256 << 10;

    private final CompletableFuture<Map<String, Object>> end = new CompletableFuture<>();

    // All guarded by this.
    private final ByteArrayOutputStream stdout = new ByteArrayOutputStream();
    private final ByteArrayOutputStream stderr = new ByteArrayOutputStream();
    private int freeBytes = WINDOW_BYTES;

    /** Completed by the last event of the request. */
    CompletableFuture<Map<String, Object>> end() {
        return end;
    }

    /** Takes an event that belongs to the request; answers whether it was the last one. */
    boolean take(Map<String, Object> event) {
        switch (String.valueOf(event.get("event"))) {
            case "output" -> output(event);
            case "taken" -> taken(((Long) event.getOrDefault("bytes", 0L)).intValue());
            case "started" -> {}
            default -> {
                return over(event);
            }
        }
        return false;
    }

    private synchronized boolean over(Map<String, Object> event) {
        boolean first = end.complete(event);
        notifyAll();
        return first;
    }

    private synchronized void output(Map<String, Object> event) {
        ByteArrayOutputStream target = "stdout".equals(event.get("stream")) ? stdout : stderr;
        byte[] data = Base64.getDecoder().decode(String.valueOf(event.get("data")));
        if (target.size() + data.length <= MAX_OUTPUT_BYTES) {
            target.writeBytes(data);
        }
    }

    private synchronized void taken(int bytes) {
        freeBytes += bytes;
        notifyAll();
    }

    /** Waits until the process has room; 0 when it reads no more. */
    synchronized int room(int wanted) throws InterruptedException {
        while (freeBytes == 0 && !end.isDone()) {
            wait();
        }
        int count = end.isDone() ? 0 : Math.min(wanted, freeBytes);
        freeBytes -= count;
        return count;
    }

    /** What has been written, with {@code status}. */
    synchronized CommandResult result(int status) {
        return new CommandResult(
                status, stdout.toString(StandardCharsets.UTF_8), stderr.toString(StandardCharsets.UTF_8));
    }
}
