package io.lamina.host.store;

import io.lamina.host.store.RefusedException.Reason;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;

/**
 * Keeps the disk from filling up by surprise. Below one mark garbage is collected, the longest unused first; below a lower
 * one, what would take more of the disk is refused, while everything that gives some back goes on. Any thread may call.
 */
public final class DiskSpace {
    /** Ages at which garbage goes while there is too little room, the oldest first. */
    private static final List<Duration> AGES =
            List.of(Duration.ofDays(7), Duration.ofDays(1), Duration.ofHours(4), Duration.ofHours(1));

    private final Store store;
    private final Marks marks;
    private final Probe probe;

    /**
     * The marks, in percent of a file system that are free.
     *
     * @param collectBelow garbage is collected when less is free
     * @param refuseBelow nothing is added when less is free
     */
    public record Marks(int collectBelow, int refuseBelow) {}

    /** Bytes of a file system. */
    public record Room(long freeBytes, long totalBytes) {
        private boolean isBelow(int percent) {
            return freeBytes / 100 < totalBytes / 10_000 * percent;
        }
    }

    /** Tells the room where a path lies. */
    @FunctionalInterface
    public interface Probe {
        Room of(Path path) throws IOException;
    }

    /** Looks after the file systems of {@code store}. */
    public DiskSpace(Store store, Marks marks) {
        this(store, marks, DiskSpace::room);
    }

    DiskSpace(Store store, Marks marks, Probe probe) {
        this.store = store;
        this.marks = marks;
        this.probe = probe;
    }

    private static Room room(Path path) throws IOException {
        // A FileStore would read the whole table of mounts each time, and containers make that long.
        File directory = path.toFile();
        long totalBytes = directory.getTotalSpace();
        if (totalBytes == 0) {
            throw new IOException(path + ": its file system does not tell its size");
        }
        return new Room(directory.getUsableSpace(), totalBytes);
    }

    private Iterable<Path> roots() {
        return new LinkedHashSet<>(List.of(store.root().images(), store.root().state()));
    }

    /**
     * Refuses where there is too little room to begin with something.
     *
     * @param what names it in the refusal
     */
    public void checkRoom(String what) throws IOException {
        for (Path root : roots()) {
            Room room = probe.of(root);
            if (room.isBelow(marks.refuseBelow)) {
                throw new RefusedException(
                        Reason.RESOURCE_EXHAUSTED,
                        what + ": the file system of " + root + " has only " + mebibytes(room.freeBytes) + " of "
                                + mebibytes(room.totalBytes) + " free, less than refuse_below_percent = "
                                + marks.refuseBelow + "; free some space, or run 'lamina store gc --unused-for 1h'");
            }
        }
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%d MiB", bytes >> 20);
    }

    /**
     * Collects garbage if there is too little room: what was unused for long first, and what was unused for an hour last.
     */
    public GarbageCollection.Removed keep() throws IOException {
        GarbageCollection.Removed sum = new GarbageCollection.Removed(0, 0, 0);
        for (Duration age : AGES) {
            if (!isLow()) {
                break;
            }
            GarbageCollection.Removed more = GarbageCollection.run(store, age);
            sum = new GarbageCollection.Removed(
                    sum.fsmetas() + more.fsmetas(), sum.blobs() + more.blobs(), sum.bytes() + more.bytes());
        }
        return sum;
    }

    private boolean isLow() throws IOException {
        for (Path root : roots()) {
            if (probe.of(root).isBelow(marks.collectBelow)) {
                return true;
            }
        }
        return false;
    }
}
