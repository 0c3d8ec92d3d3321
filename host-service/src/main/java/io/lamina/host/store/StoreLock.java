package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Makes sure that one daemon has a directory; the second is told the first's pid. Ends with the process at the latest. */
public final class StoreLock implements AutoCloseable {
    private static final int MAX_PID_BYTES = 20;

    private final FileChannel channel;

    private StoreLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Takes the lock.
     *
     * @param file is made if need be and stays
     * @param what names it in the refusal
     */
    public static StoreLock take(Path file, String what) throws IOException {
        FileChannel channel = FileChannel.open(file, CREATE, READ, WRITE);
        boolean taken = false;
        try {
            FileLock lock = tryLock(channel);
            ByteBuffer pid = ByteBuffer.allocate(MAX_PID_BYTES);
            if (lock == null) {
                channel.read(pid, 0);
                String holder =
                        StandardCharsets.US_ASCII.decode(pid.flip()).toString().strip();
                throw new IOException(what + " is in use by the process " + (holder.isEmpty() ? "?" : holder)
                        + "; stop it first, or use another one");
            }
            channel.truncate(0);
            String own = ProcessHandle.current().pid() + "\n";
            channel.write(ByteBuffer.wrap(own.getBytes(StandardCharsets.US_ASCII)), 0);
            taken = true;
            return new StoreLock(channel);
        } finally {
            if (!taken) {
                channel.close();
            }
        }
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException oursAlready) {
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
