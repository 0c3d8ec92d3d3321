package io.lamina.guest;

import io.lamina.agent.protocol.GuestMessage;
import io.lamina.agent.protocol.HostMessage;
import io.lamina.agent.protocol.MessageChannel;
import io.lamina.linux.DeviceMapper;
import io.lamina.linux.Mount;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Spawn;
import io.lamina.linux.SystemCallException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Runs the agent's session on what a hostile host gives it: a directory with the bytes that the host says ({@code host}),
 * the guest's initdata ({@code initdata/}) and its disks ({@code sys/}). In a machine of its own ({@link #main}) the disk is
 * real: {@code /attacks/device} with the changes of the file {@code patch}.
 */
public final class AttackedGuest {
    /** How an outcome begins when the command has run to a good end and nobody has found anything. */
    public static final String RAN = "ran";

    /** As {@link #RAN}, where there is no device-mapper: all that comes before the device was found good. */
    public static final String PASSED = "passed";

    private static final int ENOENT = 2;
    private static final int ENODEV = 19;
    private static final long SCRATCH_BYTES = 16 << 20;
    private static final int SECTOR_BYTES = 4096;
    private static final Path ATTACKS = Path.of("/attacks");
    private static final Path DISK = Path.of("/run/disk");
    private static final Path LOOP = Path.of("/dev/loop7");
    private static final Path SCRATCH = Path.of("/run/scratch");
    private static final Path SCRATCH_LOOP = Path.of("/dev/loop6");

    /** What a command says when it waits for the host to do its next trick. */
    private static final byte[] NOW = "NOW".getBytes(StandardCharsets.US_ASCII);

    private AttackedGuest() {}

    /** In the machine: each directory of {@code /attacks/scenarios}, then each line of {@code /attacks/mutants}. */
    public static void main(String[] arguments) throws Exception {
        for (String group : List.of(Modules.START, Modules.LOOP)) {
            Modules.load(group);
        }
        System.out.println("\nOUTCOME command-line "
                + Files.readString(Path.of("/proc/cmdline")).strip());
        try (Stream<Path> scenarios = Files.list(ATTACKS.resolve("scenarios"))) {
            for (Path scenario : scenarios.sorted().toList()) {
                System.out.println("\nOUTCOME " + scenario.getFileName() + " " + onDisk(scenario, ""));
            }
        }
        for (String line : Files.readAllLines(ATTACKS.resolve("mutants"))) {
            String[] words = line.split(" ", 2);
            String outcome = onDisk(ATTACKS.resolve("scenarios").resolve(words[0]), words[1]);
            System.out.println("\nMUTANT " + line + " => " + outcome);
        }
        System.out.println("\nOUTCOME end end");
    }

    /** One scenario with a real disk behind it, and everything taken away again. */
    private static String onDisk(Path scenario, String mutation) throws Exception {
        Files.copy(ATTACKS.resolve("device"), DISK, StandardCopyOption.REPLACE_EXISTING);
        patch(scenario.resolve("patch"));
        try {
            show(DISK, LOOP, Session.IMAGE_SERIAL);
            if (Files.exists(scenario.resolve("scratch"))) {
                scratch(Files.readAllBytes(scenario.resolve("scratch")));
                show(SCRATCH, SCRATCH_LOOP, ScratchDisk.SERIAL);
            }
            return run(scenario, Path.of("/run/sys"), Path.of("/dev"), mutation);
        } finally {
            cleanUp();
        }
    }

    /** A file as a disk of the host's. */
    private static void show(Path file, Path loop, String serial) throws IOException, InterruptedException {
        busybox("losetup", loop.toString(), file.toString());
        Path name = Path.of("block").resolve(loop.getFileName());
        Path shown = Path.of("/run/sys").resolve(name);
        Files.createDirectories(shown.resolve("queue"));
        Files.writeString(shown.resolve("serial"), serial);
        for (String attribute : List.of("size", "queue/logical_block_size")) {
            Files.copy(
                    Path.of("/sys").resolve(name).resolve(attribute),
                    shown.resolve(attribute),
                    StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** A scratch disk filled with the same bytes over and over, or with zeroes. */
    private static void scratch(byte[] filling) throws IOException {
        Files.deleteIfExists(SCRATCH);
        try (FileChannel disk = FileChannel.open(SCRATCH, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (long at = 0; filling.length > 0 && at < SCRATCH_BYTES; at += filling.length) {
                disk.write(ByteBuffer.wrap(filling), at);
            }
            disk.write(ByteBuffer.allocate(1), SCRATCH_BYTES - 1);
        }
    }

    /**
     * Runs a scenario; with a mutation, in classes of its own.
     *
     * @return what came of it, in a line
     */
    public static String run(Path scenario, Path sysfs, Path dev, String mutation) throws Exception {
        if (mutation.isEmpty()) {
            return run(scenario, sysfs, dev);
        }
        MutantLoader loader = new MutantLoader(mutation);
        var method = loader.loadOurs(AttackedGuest.class.getName())
                .getDeclaredMethod("run", Path.class, Path.class, Path.class);
        method.setAccessible(true);
        String outcome;
        try {
            outcome = (String) method.invoke(null, scenario, sysfs, dev);
        } catch (InvocationTargetException failure) {
            outcome = "failed " + failure.getCause();
        }
        return loader.done().isEmpty() ? "nothing was mutated" : outcome;
    }

    static String run(Path scenario, Path sysfs, Path dev) throws InterruptedException, IOException {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        OutputStream host = new OutputStream() {
            @Override
            public void write(int value) {
                said.write(value);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                said.write(bytes, offset, length);
                if (new String(bytes, offset, length, StandardCharsets.ISO_8859_1)
                        .contains(new String(NOW, StandardCharsets.ISO_8859_1))) {
                    strike(scenario);
                }
            }
        };
        String end = "";
        try {
            MessageChannel<HostMessage, GuestMessage> channel = new MessageChannel<>(
                    new ByteArrayInputStream(Files.readAllBytes(scenario.resolve("host"))), host, HostMessage.parser());
            Path target = Path.of("/run/lamina/handed-over");
            Optional<Path> handOver =
                    Files.exists(scenario.resolve("hand-over")) ? Optional.of(target) : Optional.empty();
            Session session =
                    new Session(channel, new SystemDevices(sysfs, dev), scenario.resolve("initdata"), handOver);
            if (session.run(1)) {
                end = "handed over " + look(target);
            }
        } catch (SystemCallException failure) {
            // Where there are neither device-mapper nor disk, these calls say that the checks before them are done.
            // Programs make the node of device-mapper even where the kernel has none.
            boolean noMapper = failure.getMessage().contains("/dev/mapper/control")
                    && (failure.errno() == ENOENT || failure.errno() == ENODEV);
            boolean passed =
                    noMapper || (failure.errno() == ENOENT && failure.call().equals("mount"));
            end = (passed ? PASSED + " " : "failed ") + failure.getMessage();
        } catch (IOException | RuntimeException failure) {
            end = "ended " + failure.getMessage();
        }
        return outcome(said.toByteArray(), end).replace('\n', ' ');
    }

    /** What the next owner of a root finds there. */
    private static String look(Path root) throws IOException {
        String found = Files.readString(root.resolve("data/secret")).strip();
        try (Stream<Path> proc = Files.list(root.resolve("proc"))) {
            found += ", " + proc.count() + " in /proc";
        }
        try {
            Files.writeString(root.resolve("data/new"), "x");
            return found + ", writable";
        } catch (IOException readOnly) {
            return found + ", read-only";
        }
    }

    private static String outcome(byte[] said, String end) throws IOException {
        MessageChannel<GuestMessage, HostMessage> reader = new MessageChannel<>(
                new ByteArrayInputStream(said), OutputStream.nullOutputStream(), GuestMessage.parser());
        StringBuilder output = new StringBuilder();
        String outcome = "";
        for (Optional<GuestMessage> next = reader.receive(); next.isPresent(); next = reader.receive()) {
            GuestMessage message = next.get();
            if (message.hasOutput()) {
                output.append(message.getOutput().getData().toStringUtf8());
            } else if (message.hasRefused()) {
                var refused = message.getRefused();
                outcome += "refused " + refused.getCheck() + ": expected " + refused.getExpected() + ", found "
                        + refused.getFound();
            } else if (message.hasExited()) {
                var exited = message.getExited();
                boolean good = exited.getStatus() == 0
                        && exited.getFailure().isEmpty()
                        && exited.getCorruptedBlocksCount() == 0;
                outcome += (good
                        ? RAN
                        : "exited " + exited.getStatus() + " " + exited.getFailure() + " "
                                + new TreeSet<>(exited.getCorruptedBlocksList()));
            }
        }
        return outcome + (end.isEmpty() ? "" : end) + (output.isEmpty() ? "" : " | " + output);
    }

    private static void patch(Path patch) throws IOException {
        try (FileChannel disk = FileChannel.open(DISK, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(patch));
            long size = bytes.getLong();
            while (bytes.hasRemaining()) {
                long offset = bytes.getLong();
                int length = bytes.getInt();
                disk.write(bytes.slice(bytes.position(), length), offset);
                bytes.position(bytes.position() + length);
            }
            if (size < disk.size()) {
                disk.truncate(size);
            } else if (size > disk.size()) {
                disk.write(ByteBuffer.allocate(1), size - 1);
            }
        }
    }

    /** The host's second move, while the command runs: another patch of the disk, and what the kernel has read is dropped. */
    private static void strike(Path scenario) throws IOException {
        if (Files.exists(scenario.resolve("strike"))) {
            patch(scenario.resolve("strike"));
            Files.writeString(Path.of("/proc/sys/vm/drop_caches"), "3");
        }
        if (Files.exists(scenario.resolve("scratch-strike"))) {
            strikeScratch(Files.readString(scenario.resolve("scratch-strike")));
            Files.writeString(Path.of("/proc/sys/vm/drop_caches"), "3");
        }
    }

    /**
     * Changes the middle of the scratch disk, where the command's file is: a byte of each sector ({@code flip}), the sectors'
     * order ({@code move}), or all of them for those of another disk ({@code swap}).
     */
    private static void strikeScratch(String how) throws IOException {
        try (FileChannel disk = FileChannel.open(SCRATCH, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer sector = ByteBuffer.allocate(SECTOR_BYTES);
            ByteBuffer next = ByteBuffer.allocate(SECTOR_BYTES);
            for (long at = SCRATCH_BYTES / 2; at < SCRATCH_BYTES * 5 / 8; at += 2 * SECTOR_BYTES) {
                disk.read(sector.clear(), at);
                disk.read(next.clear(), at + SECTOR_BYTES);
                switch (how) {
                    case "flip" -> disk.write(ByteBuffer.wrap(new byte[] {(byte) ~sector.get(100)}), at + 100);
                    case "move" -> {
                        disk.write(next.flip(), at);
                        disk.write(sector.flip(), at + SECTOR_BYTES);
                    }
                    case "swap" -> disk.write(ByteBuffer.allocate(2 * SECTOR_BYTES), at);
                    default -> throw new IllegalArgumentException(how);
                }
            }
        }
    }

    private static void cleanUp() throws Exception {
        List<String> mounts = Files.readAllLines(Path.of("/proc/mounts")).reversed();
        for (String line : mounts) {
            String target = line.split(" ", 3)[1];
            if (target.startsWith(ContainerRoot.BASE.toString())) {
                Mount.unmount(target, 0);
            }
        }
        for (String name : List.of("lamina-image", "lamina-tars", "lamina-scratch", "lamina-scratch-tags")) {
            try (DeviceMapper mapper = DeviceMapper.open()) {
                mapper.remove(name);
            } catch (SystemCallException none) {
                // The session did not come that far.
            }
        }
        busybox("sh", "-c", "for n in 0 1; do /bin/busybox losetup -d /dev/loop$n 2>/dev/null; done; true");
        busybox("sh", "-c", "/bin/busybox dmesg -c >/dev/null");
        busybox("rm", "-rf", ContainerRoot.BASE.toString());
        busybox("losetup", "-d", LOOP.toString());
        if (Files.exists(Path.of("/run/sys/block/loop6"))) {
            busybox("losetup", "-d", SCRATCH_LOOP.toString());
            busybox("rm", "-rf", "/run/sys/block/loop6");
        }
    }

    private static void busybox(String... words) throws IOException, InterruptedException {
        try (Pidfd process = Spawn.of(Path.of("/bin/busybox"), List.of(words)).start()) {
            int status = process.waitFor().asShell();
            if (status != 0) {
                throw new IOException("busybox " + String.join(" ", words) + " ended with " + status);
            }
        }
    }
}
