package io.lamina.host.attach;

import io.lamina.linux.AdvisoryLock;
import io.lamina.linux.DataFile;
import io.lamina.linux.DirectoryTree;
import io.lamina.linux.FdStatus;
import io.lamina.linux.Memfd;
import io.lamina.linux.OwnedFd;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;

/** The sparse file behind a writable device: made when it is missing, and used by one server at a time. */
public final class ScratchFile {
    /** A server that was killed gives its file up when its data plane notices. */
    private static final int LOCK_ATTEMPTS = 50;

    private static final int LOCK_PAUSE_MILLIS = 100;

    private ScratchFile() {}

    /**
     * Opens the file for a device of {@code sizeBytes}, making or lengthening it. The descriptor holds the lock of the
     * file, and so does the data plane that it is handed to.
     *
     * @throws IOException when another server has the file, or it is larger: a smaller device would hide what is in it
     */
    public static OwnedFd open(Path path, long sizeBytes) throws IOException, InterruptedException {
        try {
            Files.createFile(path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            syncDirectory(path);
        } catch (FileAlreadyExistsException again) {
            // What a guest wrote into it is there again.
        }
        OwnedFd file = DataFile.openForWriting(path);
        try {
            lock(path, file);
            FdStatus status = FdStatus.of(file);
            if (!status.isRegularFile()) {
                throw new IOException(path + ": is no regular file");
            }
            if (status.sizeBytes() > sizeBytes) {
                throw new IOException(path + ": has " + status.sizeBytes() + " bytes, more than the " + sizeBytes
                        + " of --size; what lies behind would be lost to the guest");
            }
            if (status.sizeBytes() < sizeBytes) {
                Memfd.resize(file, sizeBytes);
            }
            return file;
        } catch (IOException | InterruptedException failure) {
            file.close();
            throw failure;
        }
    }

    private static void lock(Path path, OwnedFd file) throws IOException, InterruptedException {
        for (int attempt = 1; !AdvisoryLock.tryExclusive(file); attempt++) {
            if (attempt == LOCK_ATTEMPTS) {
                throw new IOException(path + ": another server uses this file");
            }
            Thread.sleep(LOCK_PAUSE_MILLIS);
        }
    }

    private static void syncDirectory(Path path) throws IOException {
        Path parent = Objects.requireNonNull(path.toAbsolutePath().getParent(), "the root is no file");
        DirectoryTree.force(parent);
    }
}
