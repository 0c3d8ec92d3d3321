package io.lamina.host.store;

import io.lamina.linux.DirectoryTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The directories of snapshots that can be written, by their numbers:
 *
 * <pre>
 * snapshots/N/fs      overlayfs's upper directory
 * snapshots/N/work    its work directory
 * snapshots/N/lower   for an unpack: empty, or where what lies below is mounted for another differ
 * snapshots/N/scratch the device that a machine writes
 * snapshots/trash-…   taken away, to be deleted
 * </pre>
 */
public final class SnapshotDirectories {
    private static final String TRASH = "trash-";

    private final Path root;

    SnapshotDirectories(Path root) {
        this.root = root;
    }

    /** The upper directory. */
    public Path upper(long id) {
        return directory(id).resolve("fs");
    }

    /** The work directory. */
    public Path work(long id) {
        return directory(id).resolve("work");
    }

    /** What an unpack finds below. */
    public Path lower(long id) {
        return directory(id).resolve("lower");
    }

    /** What a machine writes: a sparse file, that this host never reads. */
    public Path scratch(long id) {
        return directory(id).resolve("scratch");
    }

    /** What is a snapshot's own; a machine's disks in a runtime's own form lie here, too. */
    public Path directory(long id) {
        return root.resolve(Long.toString(id));
    }

    /** Whose upper directory {@code path} is. */
    public OptionalLong ownerOfUpper(String path) {
        Path upper = Path.of(path);
        Path directory = upper.getParent();
        if (directory == null || !root.equals(directory.getParent()) || !upper.endsWith("fs")) {
            return OptionalLong.empty();
        }
        return number(directory);
    }

    private static OptionalLong number(Path directory) {
        String name = String.valueOf(directory.getFileName());
        return name.matches("[0-9]{1,18}") ? OptionalLong.of(Long.parseLong(name)) : OptionalLong.empty();
    }

    /** Makes the directories of a new snapshot; any of that number are left over from one that never came about. */
    void make(long id) throws IOException {
        Path directory = directory(id);
        if (Files.exists(directory)) {
            DirectoryTree.delete(directory);
        }
        Files.createDirectory(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        for (Path part : List.of(upper(id), work(id), lower(id))) {
            Files.createDirectory(part);
            // The umask has had its say above.
            Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    /** Makes the directories of a snapshot that has a row, where a loss of power has taken them. */
    void ensure(long id) throws IOException {
        if (Files.notExists(upper(id)) || Files.notExists(work(id)) || Files.notExists(lower(id))) {
            make(id);
        }
    }

    /** Takes the directories of a snapshot away; {@link #emptyTrash} deletes them. */
    void discard(long id) throws IOException {
        try {
            Path _ = StagedDirectory.discard(directory(id), root);
        } catch (NoSuchFileException committed) {
            // It had none any more.
        }
    }

    /** Deletes what was taken away. One at a time is enough, and a second at the same moment does no harm. */
    public synchronized void emptyTrash() throws IOException {
        for (Path entry : DirectoryTree.entries(root)) {
            if (String.valueOf(entry.getFileName()).startsWith(TRASH)) {
                DirectoryTree.delete(entry);
            }
        }
    }

    /** The numbers that have a directory here. */
    List<Long> numbers() throws IOException {
        return DirectoryTree.entries(root).stream()
                .map(SnapshotDirectories::number)
                .filter(OptionalLong::isPresent)
                .map(OptionalLong::getAsLong)
                .toList();
    }

    /** The number in the last component of {@code path} when it lies directly in {@code parent}. */
    public static Optional<Long> numberIn(Path parent, String path) {
        Path entry = Path.of(path);
        OptionalLong number = parent.equals(entry.getParent()) ? number(entry) : OptionalLong.empty();
        return number.isPresent() ? Optional.of(number.getAsLong()) : Optional.empty();
    }
}
