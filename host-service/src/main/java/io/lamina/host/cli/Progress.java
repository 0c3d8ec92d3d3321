package io.lamina.host.cli;

import io.lamina.images.oci.ChannelStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Tells on a terminal, twice a second, how far a command is; elsewhere nothing. One thread at a time. */
final class Progress {
    private static final long EVERY_NANOS = 500_000_000L;

    private final String what;
    private final boolean terminal = isTerminal();
    private final long startNanos = System.nanoTime();
    private long toldNanos = startNanos;

    Progress(String what) {
        this.what = what;
    }

    /** Whether the standard error is one; {@code System.console()} asks for the standard input and output. */
    static boolean isTerminal() {
        try {
            Path behind = Files.readSymbolicLink(Path.of("/proc/self/fd/2"));
            return behind.startsWith("/dev/pts") || behind.toString().startsWith("/dev/tty");
        } catch (IOException closed) {
            return false;
        }
    }

    /** So many bytes are done; {@code totalBytes} is 0 when nobody knows. */
    void bytes(long doneBytes, long totalBytes) {
        long now = System.nanoTime();
        if (!terminal || now - toldNanos < EVERY_NANOS) {
            return;
        }
        toldNanos = now;
        String percent = totalBytes > 0 ? " (" + doneBytes * 100 / totalBytes + " %)" : "";
        System.err.printf(
                Locale.ROOT,
                "\r\u001b[K%s: %d MiB%s, %.0f MiB/s",
                what,
                doneBytes >> 20,
                percent,
                (doneBytes >> 20) / ((now - startNanos) / 1e9));
    }

    /** Wipes the line. */
    void done() {
        if (toldNanos != startNanos) {
            System.err.print("\r\u001b[K");
        }
    }

    /** Tells how far {@code stored} is read. */
    InputStream of(InputStream stored, long totalBytes) {
        ReadableByteChannel channel = ChannelStream.channel(stored);
        return new ChannelStream() {
            private long done;

            @Override
            public int read(ByteBuffer target) throws IOException {
                int count = channel.read(target);
                done += Math.max(0, count);
                bytes(done, totalBytes);
                return count;
            }

            @Override
            public void close() throws IOException {
                super.close();
                stored.close();
            }
        };
    }
}
