package io.lamina.host.containerd;

import io.lamina.host.store.BlobName;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Store;
import io.lamina.images.layer.ConvertedLayer;
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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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
    BlobName convert(long snapshot) throws IOException {
        return store.layers().add((blob, leaves, recipe) -> {
            PipedOutputStream end = new PipedOutputStream();
            FutureTask<Boolean> writing = writing(snapshot, end);
            try (PipedInputStream tar = new PipedInputStream(end, PIPE_BYTES)) {
                Thread.ofPlatform().daemon().name("upper-tar").start(writing);
                ConvertedLayer made = LayerConverter.convert(tar, blob, leaves, recipe);
                await(writing, null);
                return made.diffId();
            } catch (IOException torn) {
                await(writing, torn); // the pipe is closed by now, so that the writer ends
                throw torn;
            }
        });
    }

    private FutureTask<Boolean> writing(long snapshot, OutputStream end) {
        return new FutureTask<>(() -> {
            try (end) {
                writeTar(snapshot, end);
                return true;
            }
        });
    }

    /** Waits for the writer; where it has failed by itself, that is what there is to tell, not the torn tar. */
    private static void await(FutureTask<Boolean> writing, @Nullable IOException torn) throws IOException {
        try {
            boolean _ = writing.get();
        } catch (ExecutionException failure) {
            boolean byReader = torn != null
                    && "Pipe closed"
                            .equals(
                                    failure.getCause() == null
                                            ? ""
                                            : failure.getCause().getMessage());
            if (!byReader) {
                throw failure.getCause() instanceof IOException told ? told : new IOException(failure.getCause());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
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
