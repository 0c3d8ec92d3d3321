package io.lamina.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Devices as sysfs shows them, found by the names that the host gave them: there is no udev here.
 *
 * @param sysfs where sysfs is mounted
 * @param dev where the device nodes are
 */
record SystemDevices(Path sysfs, Path dev) {
    private static final int SECTOR_BYTES = 512;

    /** Those of this machine. */
    static final SystemDevices REAL = new SystemDevices(Path.of("/sys"), Path.of("/dev"));

    /**
     * A block device.
     *
     * @param node its node in {@code /dev}
     * @param sizeBytes its size
     * @param logicalBlockSizeBytes the smallest unit that can be read
     */
    record BlockDevice(Path node, long sizeBytes, int logicalBlockSizeBytes) {}

    /** The node of the virtio-serial port that the host named {@code name}; empty when there is none. */
    Optional<Path> port(String name) throws IOException {
        for (Path port : entries(sysfs.resolve("class/virtio-ports"))) {
            if (read(port.resolve("name")).equals(name)) {
                return Optional.of(dev.resolve(port.getFileName().toString()));
            }
        }
        return Optional.empty();
    }

    /**
     * The one block device whose serial number is {@code serial}.
     *
     * @throws RefusedException if there is none, or more than one: which of them would be meant is the host's to say
     */
    BlockDevice disk(String serial) throws IOException, RefusedException {
        return optionalDisk(serial).orElseThrow(() -> wrongCount(serial, 0));
    }

    /**
     * As {@link #disk}, of one that need not be there.
     *
     * @throws RefusedException if there is more than one
     */
    Optional<BlockDevice> optionalDisk(String serial) throws IOException, RefusedException {
        List<Path> found = new ArrayList<>();
        for (Path disk : entries(sysfs.resolve("block"))) {
            if (read(disk.resolve("serial")).equals(serial)) {
                found.add(disk);
            }
        }
        if (found.isEmpty()) {
            return Optional.empty();
        }
        checkOnlyOne(serial, found);
        Path disk = found.getFirst();
        return Optional.of(new BlockDevice(
                dev.resolve(disk.getFileName().toString()),
                Math.multiplyExact(number(disk.resolve("size")), SECTOR_BYTES),
                Math.toIntExact(number(disk.resolve("queue/logical_block_size")))));
    }

    private static void checkOnlyOne(String serial, List<Path> found) throws RefusedException {
        if (found.size() != 1) {
            throw wrongCount(serial, found.size());
        }
    }

    private static RefusedException wrongCount(String serial, int count) {
        return new RefusedException(
                "device-count", "one block device with the serial number " + serial, Integer.toString(count));
    }

    /** Names of the real disks other than {@code nodes}; what the kernel makes by itself, such as loop devices, is none. */
    List<String> disksBeside(Set<Path> nodes) throws IOException {
        List<String> names = new ArrayList<>();
        for (Path entry : entries(sysfs.resolve("block"))) {
            if (Files.exists(entry.resolve("device")) && !nodes.contains(dev.resolve(entry.getFileName()))) {
                names.add(entry.getFileName().toString());
            }
        }
        return names;
    }

    private static List<Path> entries(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            stream.forEach(entries::add);
        } catch (NoSuchFileException noSuchClass) {
            return List.of();
        }
        entries.sort(null);
        return entries;
    }

    private static long number(Path attribute) throws IOException {
        String text = read(attribute);
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException notANumber) {
            throw new IOException(attribute + " is no number: " + text, notANumber);
        }
    }

    /** The attribute's text without its line end; empty where a device does not have the attribute. */
    private static String read(Path attribute) throws IOException {
        try {
            return new String(Files.readAllBytes(attribute), StandardCharsets.UTF_8).strip();
        } catch (NoSuchFileException absent) {
            return "";
        }
    }
}
