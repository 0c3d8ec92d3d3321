package io.lamina.linux;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Directories of our own with all that is in them; symbolic links are never followed. */
public final class DirectoryTree {
    private DirectoryTree() {}

    /** What lies in {@code directory}, by name; nothing where there is no directory. */
    public static List<Path> entries(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        } catch (NoSuchFileException none) {
            return List.of();
        }
    }

    /** Makes the names in {@code directory} durable. */
    public static void force(Path directory) throws IOException {
        try (FileChannel names = FileChannel.open(directory, StandardOpenOption.READ)) {
            names.force(true);
        }
    }

    /** Deletes {@code tree}, which nobody may use any more; one that is not there is no error. */
    public static void delete(Path tree) throws IOException {
        List<Path> deepestFirst;
        try (Stream<Path> entries = Files.walk(tree)) {
            deepestFirst = entries.sorted(Comparator.reverseOrder()).toList();
        } catch (NoSuchFileException gone) {
            return;
        }
        for (Path path : deepestFirst) {
            Files.deleteIfExists(path);
        }
    }
}
