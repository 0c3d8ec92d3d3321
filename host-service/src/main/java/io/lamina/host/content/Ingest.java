package io.lamina.host.content;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import org.jspecify.annotations.Nullable;

/**
 * A blob in the making, which one process at a time makes. What is there from an earlier attempt counts, and is hashed
 * before it is continued. Closing keeps what is there; {@link #discard} does not. One thread.
 */
public final class Ingest implements AutoCloseable {
    static final int PIECE_BYTES = 256 << 10;
    private static final long LOOK_MILLIS = 100;

    private final ContentStore store;
    private final Digest digest;
    private final Path file;
    private final @Nullable FileChannel channel;
    private MessageDigest sha256 = Digest.sha256();
    private long sizeBytes;

    private Ingest(ContentStore store, Digest digest, Path file, @Nullable FileChannel channel) {
        this.store = store;
        this.digest = digest;
        this.file = file;
        this.channel = channel;
    }

    /** Begins or continues a blob, once nobody else is making it; it may be there then. */
    public static Ingest begin(ContentStore store, Digest digest) throws IOException {
        Path file = store.ingest(digest);
        while (!store.touch(digest)) {
            FileChannel channel = FileChannel.open(file, CREATE, READ, WRITE);
            boolean ours = false;
            try {
                // Another maker may have finished, and taken the name from the file that is open here.
                ours = isLocked(channel) && !store.has(digest) && Files.exists(file);
                if (ours) {
                    Ingest ingest = new Ingest(store, digest, file, channel);
                    ingest.hashWhatIsThere();
                    return ingest;
                }
            } finally {
                if (!ours) {
                    channel.close();
                }
            }
            pause();
        }
        return new Ingest(store, digest, file, null);
    }

    private static boolean isLocked(FileChannel channel) throws IOException {
        try {
            FileLock lock = channel.tryLock(); // until the channel is closed
            return lock != null;
        } catch (OverlappingFileLockException ours) {
            return false;
        }
    }

    private static void pause() throws InterruptedIOException {
        try {
            Thread.sleep(LOOK_MILLIS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("cancelled");
        }
    }

    private void hashWhatIsThere() throws IOException {
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        while (channel().read(piece, sizeBytes) > 0) {
            sizeBytes += piece.flip().remaining();
            sha256.update(piece);
            piece.clear();
        }
    }

    private FileChannel channel() {
        FileChannel open = channel;
        if (open == null) {
            throw new IllegalStateException("the blob is there already");
        }
        return open;
    }

    /** Whether the blob is there already, so that there is nothing to do. */
    public boolean isThere() {
        return channel == null;
    }

    /** Bytes so far. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Forgets what is there. */
    public void restart() throws IOException {
        FileChannel target = channel().truncate(0);
        sizeBytes = target.size();
        sha256 = Digest.sha256();
    }

    /** Appends. */
    public void write(ByteBuffer bytes) throws IOException {
        sha256.update(bytes.duplicate());
        while (bytes.hasRemaining()) {
            sizeBytes += channel().write(bytes, sizeBytes);
        }
    }

    /**
     * Ends the blob.
     *
     * @throws CorruptImageException if it is not the right one; nothing of it is left then
     */
    public void commit() throws IOException {
        Digest found = Digest.of(sha256.digest());
        if (!found.equals(digest)) {
            discard();
            throw new CorruptImageException(
                    "blob " + digest, "what came, " + sizeBytes + " bytes, has the digest " + found);
        }
        channel().force(true);
        store.publish(file, digest);
    }

    /** Takes away what is there. */
    public void discard() throws IOException {
        if (!isThere()) {
            Files.deleteIfExists(file);
        }
    }

    @Override
    public void close() throws IOException {
        if (channel != null) {
            if (sizeBytes == 0) {
                Files.deleteIfExists(file);
            }
            channel.close();
        }
    }
}
