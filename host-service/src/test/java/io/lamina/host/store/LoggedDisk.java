package io.lamina.host.store;

import static java.nio.file.StandardOpenOption.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A block device whose every write and flush is logged in their order, in the format of the kernel's dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst): a loop device on a file of FUSE that qemu-storage-daemon
 * serves, with its log driver between. The last MiB is for marks, which show in the log where something was acknowledged.
 */
final class LoggedDisk implements AutoCloseable {
    static final int SIZE_BYTES = 32 << 20;

    /** What a file system may have. */
    static final int FILE_SYSTEM_BYTES = SIZE_BYTES - (1 << 20);

    private static final long MAGIC = 0x6a736677736872L;
    private static final int SECTOR_BYTES = 512;
    private static final int ENTRY_BYTES = 32;
    private static final long LOG_BYTES = 1L << 30;
    private static final int BLOCK_BYTES = 4096;
    private static final int FLUSH = 1;
    private static final int DISCARD = 4;

    private final Path log;
    private final Path served;
    private final Process server;
    private final String device;

    private LoggedDisk(Path log, Path served, Process server, String device) {
        this.log = log;
        this.served = served;
        this.server = server;
        this.device = device;
    }

    /**
     * A thing that the disk was told.
     *
     * @param offsetBytes where; what lies in the last MiB are marks
     * @param atByte where its content lies in the log
     * @param lengthBytes of the content; 0 for a flush, and for a discard, which leaves what was there
     */
    record Entry(boolean flush, long offsetBytes, long atByte, int lengthBytes) {
        boolean isMark() {
            return lengthBytes > 0 && offsetBytes >= FILE_SYSTEM_BYTES;
        }
    }

    static LoggedDisk in(Path directory) throws IOException, InterruptedException {
        Path disk = sparse(directory.resolve("disk"), SIZE_BYTES);
        Path log = sparse(directory.resolve("log"), LOG_BYTES);
        Path served = Files.createFile(directory.resolve("served"));
        Process server = new ProcessBuilder(
                        "qemu-storage-daemon",
                        "--blockdev",
                        "driver=file,node-name=disk,filename=" + disk,
                        "--blockdev",
                        "driver=file,node-name=log,filename=" + log,
                        "--blockdev",
                        "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=" + SECTOR_BYTES,
                        "--export",
                        "type=fuse,id=served,node-name=logged,writable=on,mountpoint=" + served)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("server.log").toFile())
                .start();
        for (int i = 0; i < 600 && Files.size(served) == 0 && server.isAlive(); i++) {
            Thread.sleep(50);
        }
        assertEquals(SIZE_BYTES, Files.size(served), Files.readString(directory.resolve("server.log")));
        return new LoggedDisk(
                log, served, server, shell("losetup -f --show " + served).strip());
    }

    private static Path sparse(Path path, long sizeBytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(sizeBytes);
        }
        return path;
    }

    String device() {
        return device;
    }

    /** Writes {@code number} where marks go, past all caches and without a flush, which would help what it measures. */
    void mark(int number) throws IOException {
        try {
            String _ = shell("printf %d " + number + " | dd of=" + device + " seek=" + FILE_SYSTEM_BYTES / BLOCK_BYTES
                    + " bs=" + BLOCK_BYTES + " conv=notrunc,sync oflag=direct status=none");
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
    }

    /** Takes the disk away and tells all that it was told. */
    List<Entry> entries() throws IOException {
        close();
        List<Entry> entries = new ArrayList<>();
        try (FileChannel file = FileChannel.open(log, READ)) {
            ByteBuffer header = read(file, 0, ENTRY_BYTES);
            assertEquals(MAGIC, header.getLong(0));
            assertEquals(SECTOR_BYTES, header.getInt(24));
            long at = SECTOR_BYTES;
            for (long left = header.getLong(16); left > 0; left--) {
                ByteBuffer entry = read(file, at, ENTRY_BYTES);
                int flags = (int) entry.getLong(16);
                at += SECTOR_BYTES;
                int lengthBytes = (flags & DISCARD) != 0 ? 0 : Math.toIntExact(entry.getLong(8) * SECTOR_BYTES);
                entries.add(new Entry((flags & FLUSH) != 0, entry.getLong(0) * SECTOR_BYTES, at, lengthBytes));
                at += lengthBytes;
            }
        }
        return entries;
    }

    /** The number of a mark. */
    int number(Entry mark) throws IOException {
        return Integer.parseInt(new String(content(mark).array(), StandardCharsets.US_ASCII).replace("\0", ""));
    }

    /** What was written. */
    ByteBuffer content(Entry entry) throws IOException {
        try (FileChannel file = FileChannel.open(log, READ)) {
            return read(file, entry.atByte, entry.lengthBytes);
        }
    }

    private static ByteBuffer read(FileChannel file, long at, int lengthBytes) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, at + bytes.position()) < 0) {
                throw new EOFException("the log ends at " + at);
            }
        }
        return bytes.flip();
    }

    static String shell(String script) throws IOException, InterruptedException {
        Process process =
                new ProcessBuilder("sh", "-c", script).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        return said;
    }

    @Override
    public void close() throws IOException {
        if (!server.isAlive()) {
            return;
        }
        try {
            String _ = shell("losetup -d " + device + "; sync -f " + log);
            server.destroy(); // it takes its mount away
            server.waitFor();
            String _ = shell("umount -l " + served + " 2>/dev/null; true");
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
    }
}
