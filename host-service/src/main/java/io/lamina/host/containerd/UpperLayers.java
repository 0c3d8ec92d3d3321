package io.lamina.host.containerd;

import io.lamina.host.store.BlobName;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Store;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.layer.UpperTar;
import io.lamina.linux.FileStatus;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;

/** What containers wrote: upper directories of overlayfs. */
final class UpperLayers {
    private static final int PIPE_BYTES = 1 << 20;
    private static final int BLOCK_BYTES = 512;

    private final Store store;

    UpperLayers(Store store) {
        this.store = store;
    }

    /** Whether nothing was written. */
    boolean isEmpty(long snapshot) throws IOException {
        try (Stream<Path> entries = Files.list(store.snapshots().directories().upper(snapshot))) {
            return entries.findAny().isEmpty();
        }
    }

    /** Writes what was written as the tar of a layer. */
    void writeTar(long snapshot, OutputStream out) throws IOException {
        UpperTar.write(
                store.snapshots().directories().upper(snapshot).toString().getBytes(StandardCharsets.UTF_8), out);
    }

    /** Makes a layer blob of what was written. */
    BlobName convert(long snapshot) throws IOException, InterruptedException {
        try {
            return store.layers().add((blob, leaves, recipe) -> {
                try (PipedInputStream tar = new PipedInputStream(PIPE_BYTES)) {
                    PipedOutputStream end = new PipedOutputStream(tar);
                    CompletableFuture<Void> writing = CompletableFuture.runAsync(
                            () -> {
                                try (end) {
                                    writeTar(snapshot, end);
                                } catch (IOException failure) {
                                    throw new java.io.UncheckedIOException(failure);
                                }
                            },
                            task -> Thread.ofPlatform()
                                    .daemon()
                                    .name("upper-tar")
                                    .start(task));
                    var made = LayerConverter.convert(tar, blob, leaves, recipe);
                    awaitWriter(writing);
                    return made.diffId();
                }
            });
        } catch (InterruptedIO failure) {
            throw failure.interrupted;
        }
    }

    private static void awaitWriter(CompletableFuture<Void> writing) throws IOException {
        try {
            writing.get();
        } catch (ExecutionException failure) {
            throw failure.getCause() instanceof java.io.UncheckedIOException told
                    ? new IOException(told.getCause())
                    : new IOException(failure.getCause());
        } catch (InterruptedException interrupted) {
            throw new InterruptedIO(interrupted);
        }
    }

    /** Carries an interruption through the store. */
    private static final class InterruptedIO extends IOException {
        private static final long serialVersionUID = 1L;
        private final transient InterruptedException interrupted;

        InterruptedIO(InterruptedException interrupted) {
            super(interrupted);
            this.interrupted = interrupted;
        }
    }

    /** What the upper directory takes of the disk; files of several names count once. */
    Snapshot.Usage usage(long snapshot) throws IOException {
        long[] sums = new long[2];
        Set<Object> seen = new HashSet<>();
        Files.walkFileTree(store.snapshots().directories().upper(snapshot), new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                return count(directory, attributes);
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                return count(file, attributes);
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException gone) {
                return FileVisitResult.CONTINUE; // a running container deletes what it likes
            }

            private FileVisitResult count(Path path, BasicFileAttributes attributes) throws IOException {
                Object key = attributes.fileKey();
                if (key == null || seen.add(key)) {
                    FileStatus status = FileStatus.of(path.toString().getBytes(StandardCharsets.UTF_8));
                    sums[0] += (status.sizeBytes() + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
                    sums[1]++;
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return new Snapshot.Usage(sums[0], sums[1]);
    }
}
