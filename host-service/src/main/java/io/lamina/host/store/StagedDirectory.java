package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A directory in the making: {@code staging/PID-N/content}, with a file {@code lock} beside it that its maker holds
 * locked. It appears whole under its name, or not at all; what a dead maker left, the next opening of the store sweeps.
 */
final class StagedDirectory implements AutoCloseable {
    private static final String LOCK = "lock";
    private static final AtomicLong SEQUENCE = new AtomicLong();

    private final Path directory;
    private final Path content;
    private final FileChannel lock;

    private StagedDirectory(Path directory, Path content, FileChannel lock) {
        this.directory = directory;
        this.content = content;
        this.lock = lock;
    }

    /** A new one under {@code staging}. */
    static StagedDirectory in(Path staging) throws IOException {
        Path directory = Files.createDirectory(
                staging.resolve(ProcessHandle.current().pid() + "-" + SEQUENCE.incrementAndGet()));
        FileChannel lock = FileChannel.open(directory.resolve(LOCK), CREATE_NEW, WRITE);
        try {
            FileLock held = lock.lock(); // until the channel is closed
            if (!held.isValid()) {
                throw new AssertionError("a lock just taken");
            }
            return new StagedDirectory(directory, Files.createDirectory(directory.resolve("content")), lock);
        } catch (IOException failure) {
            lock.close();
            throw failure;
        }
    }

    /** Where the files go. */
    Path content() {
        return content;
    }

    /** Opens a new file of the content. */
    FileChannel file(String name) throws IOException {
        return FileChannel.open(content.resolve(name), CREATE_NEW, READ, WRITE);
    }

    /**
     * Gives the content its name, durably; its files are forced already. If there is a directory of that name, made by
     * another process meanwhile, that one stays: equal names mean equal bytes.
     */
    void publish(Path target) throws IOException {
        DirectoryTree.force(content);
        try {
            Files.move(content, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException failure) {
            if (!Files.isDirectory(target)) {
                throw failure;
            }
        }
        DirectoryTree.force(Objects.requireNonNull(target.getParent()));
    }

    @Override
    public void close() throws IOException {
        lock.close();
        DirectoryTree.delete(directory);
    }

    /** Removes what dead processes left in {@code staging}: nobody holds their lock. */
    static void sweep(Path staging) throws IOException {
        for (Path building : DirectoryTree.entries(staging)) {
            if (isAbandoned(building)) {
                DirectoryTree.delete(building);
            }
        }
    }

    /** Takes {@code tree} away at once and durably, and says where it can be deleted at leisure. */
    static Path discard(Path tree, Path staging) throws IOException {
        Path trash = staging.resolve("trash-" + ProcessHandle.current().pid() + "-" + SEQUENCE.incrementAndGet());
        Files.move(tree, trash, StandardCopyOption.ATOMIC_MOVE);
        return trash;
    }

    private static boolean isAbandoned(Path building) throws IOException {
        Path lockFile = building.resolve(LOCK);
        // A directory without its lock file is between its making and its locking, or its maker died right there; a
        // living maker writes its pid into the name, so that the two can be told apart.
        if (!Files.exists(lockFile)) {
            return !isAlive(building.getFileName().toString());
        }
        try (FileChannel lock = FileChannel.open(lockFile, CREATE, WRITE);
                FileLock taken = lock.tryLock()) {
            return taken != null;
        } catch (OverlappingFileLockException ours) {
            return false;
        }
    }

    private static boolean isAlive(String name) {
        int dash = name.indexOf('-');
        try {
            return dash > 0
                    && ProcessHandle.of(Long.parseLong(name.substring(0, dash))).isPresent();
        } catch (NumberFormatException notOurs) {
            return false;
        }
    }
}
