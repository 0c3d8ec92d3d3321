package io.lamina.host.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * What a store takes of the disk, in bytes.
 *
 * @param blobs layer blobs, their hashes and recipes
 * @param fsmetas merged trees
 * @param snapshots what containers wrote
 * @param ifNothingWereShared what the layers of all committed snapshots would take if each had its own
 */
public record StoreSize(long blobs, long fsmetas, long snapshots, long ifNothingWereShared) {
    /** Adds up. */
    public static StoreSize of(Store store) throws IOException {
        long separate = 0;
        for (Snapshot snapshot : store.snapshots().all()) {
            separate += snapshot.content().usage().sizeBytes();
        }
        return new StoreSize(
                below(store.root().blobs()),
                below(store.root().fsmeta()),
                below(store.root().snapshots()),
                separate);
    }

    private static long below(Path directory) throws IOException {
        try (Stream<Path> paths = Files.walk(directory)) {
            return paths.mapToLong(StoreSize::bytes).sum();
        } catch (UncheckedIOException failure) {
            throw failure.getCause();
        }
    }

    private static long bytes(Path path) {
        try {
            return Files.isRegularFile(path) ? Files.size(path) : 0;
        } catch (IOException gone) {
            return 0; // somebody removed it meanwhile
        }
    }
}
