package io.lamina.guest;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.Path;

/**
 * A virtio-serial port as two streams. The kernel lets a port be opened once, so both are of one descriptor; and it
 * answers a read with "end of file" for as long as the host has not opened its side, so that is waited for
 * (drivers/char/virtio_console.c, port_fops_open and port_fops_read).
 */
final class HostPort implements AutoCloseable {
    /** The port's name, which the host gives. */
    static final String NAME = "lamina.agent.0";

    private static final long RETRY_MILLIS = 5;
    private static final int MAX_RETRIES = 6000;

    private final RandomAccessFile file;

    HostPort(Path node) throws IOException {
        this.file = new RandomAccessFile(node.toFile(), "rw");
    }

    /** What the host sends; its first read waits up to half a minute for the host to come. */
    InputStream input() throws IOException {
        return new AwaitedInput(file);
    }

    OutputStream output() throws IOException {
        return new FileOutputStream(file.getFD());
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    /** Takes an end of file before the first byte for "not yet". One thread reads. */
    private static final class AwaitedInput extends InputStream {
        private final InputStream in;
        private boolean started;

        AwaitedInput(RandomAccessFile file) throws IOException {
            this.in = new FileInputStream(file.getFD());
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            int count = in.read(target, offset, length);
            for (int i = 0; count < 0 && !started && i < MAX_RETRIES; i++) {
                try {
                    Thread.sleep(RETRY_MILLIS);
                } catch (InterruptedException stop) {
                    Thread.currentThread().interrupt();
                    throw new IOException("interrupted while waiting for the host", stop);
                }
                count = in.read(target, offset, length);
            }
            started = true;
            return count;
        }
    }
}
