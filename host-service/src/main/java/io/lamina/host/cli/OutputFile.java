package io.lamina.host.cli;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.images.hash.Sha256;
import io.lamina.images.oci.Digest;
import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A file that a command makes: it appears under its name whole and on disk, or not at all. What was there before stays
 * until then.
 */
final class OutputFile implements AutoCloseable {
    private static final AtomicLong SEQUENCE = new AtomicLong();

    private final Path target;
    private final Path building;
    private final FileChannel channel;

    private OutputFile(Path target, Path building, FileChannel channel) {
        this.target = target;
        this.building = building;
        this.channel = channel;
    }

    static OutputFile to(Path target) throws IOException {
        Path directory = target.toAbsolutePath().getParent();
        Path building = target.resolveSibling(
                "." + target.getFileName() + "." + ProcessHandle.current().pid() + "-" + SEQUENCE.incrementAndGet());
        if (directory == null || Files.isDirectory(target)) {
            throw new IOException(target + ": is a directory");
        }
        return new OutputFile(target, building, FileChannel.open(building, CREATE_NEW, READ, WRITE));
    }

    FileChannel channel() {
        return channel;
    }

    /** Where the file is until it is {@linkplain #publish published}. */
    Path building() {
        return building;
    }

    /** Reads all of the file and hashes it. */
    Digest digest() throws IOException {
        Sha256 sha256 = Sha256.create();
        sha256.update(channel);
        return Digest.of(sha256.digest());
    }

    /** Gives the file its name once it is on disk. */
    void publish() throws IOException {
        publish(true);
    }

    /** @param durable whether it is on disk first; else the kernel writes it when it sees fit, as with most programs */
    void publish(boolean durable) throws IOException {
        if (durable) {
            channel.force(true);
        }
        Files.move(building, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        if (durable) {
            DirectoryTree.force(Objects.requireNonNull(target.toAbsolutePath().getParent(), "a file has a parent"));
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
        Files.deleteIfExists(building);
    }
}
