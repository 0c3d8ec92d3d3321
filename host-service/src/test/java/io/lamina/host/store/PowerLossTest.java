package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.lamina.linux.Mount;
import io.lamina.linux.testing.Machine;
import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Takes the power away at each flush of a store's life on ext4. A disk keeps what was flushed, and any of what it was told
 * since: nothing, everything and a random part of that are tried. Each is mounted and opened, and must have every step that
 * was acknowledged before, with every byte right.
 */
class PowerLossTest {
    /** A step that forces nothing, and so must be lost sometimes: else this test would find nothing. */
    private static final int UNFORCED = StoreLife.STEPS + 1;

    private static final int OPENED = 0;

    @TempDir
    private Path directory;

    private int cuts;
    private int unforcedLost;

    /** How much of what was written since the last flush the disk keeps. */
    private enum Unflushed {
        NOTHING,
        EVERYTHING,
        SOMETHING
    }

    @Test
    void noCutOfThePowerLosesWhatWasAcknowledged() throws Exception {
        Machine.needsRoot();
        Machine.needsFileSystem("fuse");
        Machine.needsProgram("qemu-storage-daemon", "mkfs.ext4", "losetup");
        long seed = Long.getLong("lamina.test.seed", new Random().nextLong());
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        try (LoggedDisk disk = LoggedDisk.in(directory)) {
            live(disk);
            replay(disk, random);
        }
        System.out.println(cuts + " cuts");
        assertTrue(cuts > 50, cuts + " cuts");
        assertTrue(unforcedLost > 0, "a file that nobody has forced was never lost");
    }

    private void live(LoggedDisk disk) throws Exception {
        String _ = LoggedDisk.shell("mkfs.ext4 -q " + disk.device() + " " + (LoggedDisk.FILE_SYSTEM_BYTES >> 10) + "k");
        PrivateMounts.run(mounts -> {
            Path mounted = Files.createDirectory(directory.resolve("mounted"));
            mounts.mount(disk.device(), mounted, "ext4", 0, "");
            try (Store store = Store.openForDaemon(StoreRoot.in(mounted.resolve("store")))) {
                disk.mark(OPENED);
                new StoreLife(disk::mark).live(store);
                Files.writeString(mounted.resolve("unforced"), "nobody has forced this");
                disk.mark(UNFORCED);
            }
            Mount.unmount(mounted.toString(), 0);
        });
    }

    private void replay(LoggedDisk disk, Random random) throws Exception {
        Path flushed = directory.resolve("flushed");
        List<LoggedDisk.Entry> since = new ArrayList<>();
        int acknowledged = -1;
        try (FileChannel file = FileChannel.open(Files.createFile(flushed), READ, WRITE)) {
            file.write(ByteBuffer.allocate(1), LoggedDisk.SIZE_BYTES - 1);
            for (LoggedDisk.Entry entry : disk.entries()) {
                if (entry.isMark()) {
                    acknowledged = disk.number(entry);
                } else if (entry.flush()) {
                    if (acknowledged >= OPENED) {
                        for (Unflushed kept : Unflushed.values()) {
                            cut(disk, flushed, since, new Cut(acknowledged, kept, random));
                        }
                    }
                    for (LoggedDisk.Entry written : since) {
                        write(disk, written, file);
                    }
                    since.clear();
                } else if (entry.lengthBytes() > 0) {
                    since.add(entry);
                }
            }
        }
    }

    private record Cut(int acknowledged, Unflushed kept, Random random) {}

    private static void write(LoggedDisk disk, LoggedDisk.Entry entry, FileChannel into) throws IOException {
        ByteBuffer content = disk.content(entry);
        while (content.hasRemaining()) {
            int _ = into.write(content, entry.offsetBytes() + content.position());
        }
    }

    private void cut(LoggedDisk disk, Path flushed, List<LoggedDisk.Entry> since, Cut cut) throws Exception {
        Path image = Files.copy(flushed, directory.resolve("cut"), StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel file = FileChannel.open(image, WRITE)) {
            for (LoggedDisk.Entry entry : since) {
                if (cut.kept == Unflushed.EVERYTHING || (cut.kept == Unflushed.SOMETHING && cut.random.nextBoolean())) {
                    write(disk, entry, file);
                }
            }
        }
        cuts++;
        PrivateMounts.run(mounts -> {
            Path mounted = Files.createDirectories(directory.resolve("mounted"));
            String loop = LoggedDisk.shell("losetup -f --show " + image).strip();
            try {
                mounts.mount(loop, mounted, "ext4", 0, "");
                if (cut.acknowledged == UNFORCED && !isWhole(mounted.resolve("unforced"))) {
                    unforcedLost++;
                }
                try (Store store = Store.openForDaemon(StoreRoot.in(mounted.resolve("store")))) {
                    StoreLife.check(store, Math.min(cut.acknowledged, StoreLife.STEPS));
                } catch (IOException | AssertionError lost) {
                    throw new AssertionError(
                            "cut " + cuts + ": " + cut.kept + " of what came after step " + cut.acknowledged, lost);
                }
                Mount.unmount(mounted.toString(), 0);
            } finally {
                String _ = LoggedDisk.shell("losetup -d " + loop);
            }
        });
    }

    private static boolean isWhole(Path unforced) throws IOException {
        return Files.exists(unforced) && Files.readString(unforced).equals("nobody has forced this");
    }
}
