package io.lamina.host.shim;

import io.lamina.images.CorruptImageException;
import io.lamina.linux.DeviceFile;
import io.lamina.linux.DirectoryTree;
import io.lamina.linux.FileStatus;
import io.lamina.shim.kata.DirectVolume;
import io.lamina.shim.kata.VhostUserStore;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A served device as a volume of Kata's Go runtime: a node and a socket of one name in its store, and the file that says
 * what the volume is. The socket is there before the node, and goes after it: a lookup never finds half.
 *
 * @param store the runtime's store
 * @param directVolumes the runtime's directory of direct volumes
 * @param volume the path that a container's volume has
 */
public record VhostUserVolume(VhostUserStore store, Path directVolumes, Path volume) {
    private static final String NOTE = "volume";
    private static final String LOCK = ".lock";
    private static final int NODE_PERMISSIONS = 0600;

    /** Makes the directories; answers where the socket belongs. */
    Path prepare(String name) throws IOException {
        Files.createDirectories(store.nodes());
        Files.createDirectories(store.sockets());
        Files.createDirectories(directVolumes);
        return store.socket(name);
    }

    /** Shows the served device to the runtime, and notes in {@code lease} what {@link #withdraw} takes away. */
    void publish(String name, Path lease) throws IOException {
        Path directory = directVolumes.resolve(DirectVolume.directoryName(volume));
        Path node = store.node(name);
        AttachmentDirectory.write(
                lease.resolve(NOTE),
                (node + "\n" + directory + "\n" + store.socket(name) + LOCK).getBytes(StandardCharsets.UTF_8));
        // Beside the directory that the runtime walks, and then whole into it.
        Path building = store.root().resolve("block").resolve(name + "~");
        try (FileChannel lock = FileChannel.open(
                        store.root().resolve("block/lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock held = lock.lock()) {
            Files.deleteIfExists(building);
            DeviceFile.makeBlockDevice(building.toString(), NODE_PERMISSIONS, VhostUserStore.MAJOR_BLOCK, freeMinor());
            Files.move(building, node, StandardCopyOption.ATOMIC_MOVE);
            if (!held.isValid()) {
                throw new AssertionError("a lock just taken");
            }
        }
        Files.createDirectories(directory);
        Path info = directory.resolve(DirectVolume.FILE);
        Path infoBuilding = directory.resolveSibling(directory.getFileName() + "~");
        AttachmentDirectory.write(
                infoBuilding, DirectVolume.erofs("directvol", node).write());
        Files.move(infoBuilding, info, StandardCopyOption.ATOMIC_MOVE);
    }

    private int freeMinor() throws IOException {
        Set<Integer> taken = new HashSet<>();
        try (Stream<Path> nodes = Files.list(store.nodes())) {
            for (Path node : nodes.toList()) {
                FileStatus status = FileStatus.of(node.toString().getBytes(StandardCharsets.UTF_8));
                if (status.specialDevice().major() == VhostUserStore.MAJOR_BLOCK) {
                    taken.add(status.specialDevice().minor());
                }
            }
        }
        for (int minor = 0; minor <= VhostUserStore.MAX_MINOR; minor++) {
            if (!taken.contains(minor)) {
                return minor;
            }
        }
        throw new IOException(store.nodes() + " has no free minor number left");
    }

    /** Takes away what a lease has shown, if it has: what the volume is first, then the node. */
    static void withdraw(Path lease) throws IOException {
        Path note = lease.resolve(NOTE);
        if (Files.notExists(note)) {
            return;
        }
        List<String> lines = Files.readAllLines(note);
        if (lines.size() != 3) {
            throw new CorruptImageException(note.toString(), "has " + lines.size() + " lines, not 3");
        }
        Path directory = Path.of(lines.get(1));
        Files.deleteIfExists(directory.resolve(DirectVolume.FILE));
        Files.deleteIfExists(Path.of(lines.getFirst()));
        DirectoryTree.delete(directory);
    }

    /**
     * Removes what a server leaves at its name, once it has ended, for nobody else has that: its lock, and its socket where
     * it ended together with its owner.
     */
    static void removeSocket(Path lease) throws IOException {
        Path note = lease.resolve(NOTE);
        if (Files.exists(note)) {
            String lock = Files.readAllLines(note).getLast();
            Files.deleteIfExists(Path.of(lock.substring(0, lock.length() - LOCK.length())));
            Files.deleteIfExists(Path.of(lock));
        }
    }
}
