package io.lamina.images.oracle;

import io.lamina.linux.testing.PrivateMounts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** An EROFS image mounted read-only from its file, without a loop device (file-backed mounts, Linux 6.12). */
public final class MountedErofs implements AutoCloseable {
    private static final int CHUNK_BYTES = 64 << 10;

    private final PrivateMounts mounts;
    private final Path root;

    /**
     * Mounts {@code image} at {@code root}, which is created.
     *
     * @throws IOException if the kernel refuses the image
     */
    public MountedErofs(PrivateMounts mounts, Path image, Path root) throws IOException {
        this.mounts = mounts;
        this.root = Files.createDirectories(root);
        mounts.mount(image.toString(), root, "erofs", PrivateMounts.MS_RDONLY, "");
    }

    /** Where the tree is. */
    public Path root() {
        return root;
    }

    @Override
    public void close() throws IOException {
        mounts.unmount(root);
    }

    /**
     * Writes the bytes of {@code parts} one after the other, zeroes as holes.
     *
     * @throws IOException if a part cannot be read or the file not be written
     */
    public static Path concatenate(List<Path> parts, Path whole) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK_BYTES);
        long end = 0;
        try (FileChannel out =
                FileChannel.open(whole, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ)) {
            out.truncate(0);
            for (Path part : parts) {
                try (FileChannel in = FileChannel.open(part)) {
                    while (in.read(buffer.clear()) > 0) {
                        end = append(out, end, buffer.flip());
                    }
                }
            }
            if (out.size() < end) {
                out.write(ByteBuffer.allocate(1), end - 1);
            }
        }
        return whole;
    }

    private static long append(FileChannel out, long at, ByteBuffer bytes) throws IOException {
        long end = at + bytes.remaining();
        boolean data = false;
        for (int i = bytes.position(); i < bytes.limit() && !data; i++) {
            data = bytes.get(i) != 0;
        }
        for (long to = at; data && bytes.hasRemaining(); ) {
            to += out.write(bytes, to);
        }
        return end;
    }
}
