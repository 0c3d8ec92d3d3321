package io.lamina.host.attach;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import io.lamina.linux.AdvisoryLock;
import io.lamina.linux.DataFile;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.ProcessRights;
import io.lamina.linux.SystemCallException;
import io.lamina.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * A socket at a path that this process owns. Who wants to listen there takes the lock of {@code PATH.lock} first, so that
 * a socket left behind by a process that was killed is replaced, and a living one never is. The new socket appears under
 * its name with a rename, listening and closed to other users: there is no moment at which a front-end finds half of it.
 */
public final class SocketPath implements AutoCloseable {
    private static final int BACKLOG = 64;

    /** How often a listener is looked for before it is taken for somebody else's. */
    private static final int ATTEMPTS = 30;

    private static final long PAUSE_NANOS = 100_000_000;
    private static final int STICKY = 01000;
    private static final int WRITABLE_BY_OTHERS = 022;

    private final Path path;
    private final OwnedFd lock;
    private final OwnedFd listening;

    private SocketPath(Path path, OwnedFd lock, OwnedFd listening) {
        this.path = path;
        this.lock = lock;
        this.listening = listening;
    }

    /**
     * Listens at {@code path}; a missing directory is made, for this user alone.
     *
     * @throws IOException when another process serves there, something else than a socket is there, or other users could
     *     put their own socket there
     */
    public static SocketPath listen(Path path) throws IOException {
        Path absolute = path.toAbsolutePath();
        prepareDirectory(Objects.requireNonNull(absolute.getParent(), "the root is no socket"));
        OwnedFd lock = lock(absolute);
        try {
            if (Files.exists(absolute, NOFOLLOW_LINKS)) {
                checkLeftBehind(absolute);
            }
            return new SocketPath(absolute, lock, bind(absolute));
        } catch (IOException | RuntimeException failure) {
            lock.close();
            throw failure;
        }
    }

    /** The listening socket, non-blocking; it stays this object's. */
    public OwnedFd listening() {
        return listening;
    }

    /** Removes the socket, which is this process's for as long as it has the lock: nobody new can connect. */
    public void hide() throws IOException {
        Files.deleteIfExists(path);
    }

    /** As {@link #hide}, and gives the lock up. */
    @Override
    public void close() throws IOException {
        try (lock) {
            listening.close();
            hide();
        }
    }

    private static void prepareDirectory(Path directory) throws IOException {
        try {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            return;
        } catch (FileAlreadyExistsException there) {
            // Then it must be one in which nobody else can exchange the socket.
        }
        int mode = (int) Files.getAttribute(directory, "unix:mode");
        int owner = (int) Files.getAttribute(directory, "unix:uid");
        boolean open = (mode & WRITABLE_BY_OTHERS) != 0 && (mode & STICKY) == 0;
        if (open || (owner != 0 && owner != ProcessRights.userId())) {
            throw new IOException(directory + ": other users can put their own socket there; take a directory of"
                    + " permissions 0700 (one that is missing is made so)");
        }
    }

    private static OwnedFd lock(Path path) throws IOException {
        Path name = path.resolveSibling(path.getFileName() + ".lock");
        try {
            Files.createFile(name, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } catch (FileAlreadyExistsException earlier) {
            // It stays for ever: who removed it could remove one that the next process has locked.
        }
        OwnedFd lock = DataFile.openForReading(name);
        boolean taken = false;
        try {
            taken = AdvisoryLock.tryExclusive(lock);
        } finally {
            if (!taken) {
                lock.close();
            }
        }
        if (!taken) {
            throw new IOException(path + ": another process serves there (it has " + name + " locked)");
        }
        return lock;
    }

    /**
     * What is at the path may be replaced: a socket, and nobody listens on it. A server that was killed has left its data
     * plane behind, which notices in a moment.
     */
    private static void checkLeftBehind(Path path) throws IOException {
        if (!Files.readAttributes(path, BasicFileAttributes.class, NOFOLLOW_LINKS)
                .isOther()) {
            throw new IOException(path + ": there is something else than a socket; remove it or take another path");
        }
        for (int attempt = 1; isListenedOn(path); attempt++) {
            if (attempt == ATTEMPTS) {
                throw new IOException(path + ": another program listens there");
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    private static boolean isListenedOn(Path path) {
        try (OwnedFd _ = UnixSocket.connect(path)) {
            return true;
        } catch (SystemCallException nobody) {
            return false;
        }
    }

    private static OwnedFd bind(Path path) throws IOException {
        Path building = path.resolveSibling(path.getFileName() + "~");
        Files.deleteIfExists(building);
        OwnedFd listening = UnixSocket.listen(building, BACKLOG);
        try {
            Set<PosixFilePermission> ours = PosixFilePermissions.fromString("rw-------");
            Files.setPosixFilePermissions(building, ours);
            Files.move(building, path, StandardCopyOption.ATOMIC_MOVE);
            return listening;
        } catch (IOException failure) {
            listening.close();
            throw failure;
        }
    }
}
