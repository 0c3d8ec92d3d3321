package io.lamina.host.guestimage;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes a cpio archive of the kind that the kernel unpacks as initramfs
 * (https://github.com/torvalds/linux/blob/v6.12/Documentation/driver-api/early-userspace/buffer-format.rst): "newc", a
 * header of 13 hexadecimal fields of 8 digits, the name with its NUL, the data, each padded to 4 bytes. Owners are root,
 * times are 0, inode numbers count from 1, so that equal entries give equal bytes. Parents have to come before what lies
 * in them.
 */
public final class CpioArchive implements AutoCloseable {
    /** Permission bits of a program. */
    public static final int EXECUTABLE = 0755;

    /** Permission bits of other files. */
    public static final int PLAIN = 0644;

    private static final String MAGIC = "070701";
    private static final int HEADER_BYTES = 110;
    private static final int ALIGNMENT_BYTES = 4;
    private static final String TRAILER = "TRAILER!!!";

    // linux/stat.h
    private static final int S_IFDIR = 0040000;
    private static final int S_IFREG = 0100000;
    private static final int S_IFLNK = 0120000;

    private final OutputStream out;
    private int inode;

    /** An archive into {@code out}, which {@link #close} finishes and closes. */
    public CpioArchive(OutputStream out) {
        this.out = out;
    }

    /**
     * Adds a directory.
     *
     * @param path without a leading slash
     */
    public void directory(String path) throws IOException {
        header(path, S_IFDIR | EXECUTABLE, 2, 0);
    }

    /**
     * Adds a file.
     *
     * @param path without a leading slash
     * @param permissions {@link #EXECUTABLE} or {@link #PLAIN}
     */
    public void file(String path, int permissions, byte[] content) throws IOException {
        header(path, S_IFREG | permissions, 1, content.length);
        out.write(content);
        pad(content.length);
    }

    /** As {@link #file(String, int, byte[])}, with the content of {@code source}, which must not change meanwhile. */
    public void file(String path, int permissions, Path source) throws IOException {
        long size = Files.size(source);
        header(path, S_IFREG | permissions, 1, size);
        long copied = Files.copy(source, out);
        if (copied != size) {
            throw new IOException(source + " changed from " + size + " to " + copied + " bytes while it was read");
        }
        pad(size);
    }

    /** Adds a link at {@code path}, without a leading slash, to {@code target}. */
    public void symbolicLink(String path, String target) throws IOException {
        byte[] content = target.getBytes(StandardCharsets.UTF_8);
        header(path, S_IFLNK | 0777, 1, content.length);
        out.write(content);
        pad(content.length);
    }

    /** Writes the end of the archive. */
    @Override
    public void close() throws IOException {
        try (out) {
            inode = -1; // 0, as other writers have it
            header(TRAILER, 0, 1, 0);
        }
    }

    private void header(String name, int mode, int links, long sizeBytes) throws IOException {
        if (sizeBytes > 0xffffffffL) {
            throw new IOException(name + " has " + sizeBytes + " bytes, more than a cpio archive can say");
        }
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        inode++;
        StringBuilder header = new StringBuilder(HEADER_BYTES).append(MAGIC);
        field(header, inode);
        field(header, mode);
        field(header, 0); // uid
        field(header, 0); // gid
        field(header, links);
        field(header, 0); // mtime
        field(header, sizeBytes);
        for (int i = 0; i < 4; i++) {
            field(header, 0); // device of the file, then of a device node: major, minor
        }
        field(header, nameBytes.length + 1L);
        field(header, 0); // checksum, of another kind of archive
        out.write(header.toString().getBytes(StandardCharsets.US_ASCII));
        out.write(nameBytes);
        out.write(0);
        pad(HEADER_BYTES + nameBytes.length + 1L);
    }

    private void pad(long written) throws IOException {
        for (long at = written; at % ALIGNMENT_BYTES != 0; at++) {
            out.write(0);
        }
    }

    private static void field(StringBuilder header, long value) {
        String digits = Long.toHexString(value);
        header.append("0".repeat(8 - digits.length())).append(digits);
    }
}
