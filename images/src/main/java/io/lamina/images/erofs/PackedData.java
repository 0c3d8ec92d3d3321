package io.lamina.images.erofs;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The data of the packed inode: a file without a name, which holds tails of other files and more. */
final class PackedData {
    private final ErofsImage image;
    private final ByteSource source;
    private final long sourceBytes;
    private @Nullable Open open;

    /** The inode, and a reader of its own: the other one keeps what it last read of the file that leads here. */
    private record Open(Inode inode, FileReader reader) {}

    PackedData(ErofsImage image, ByteSource source, long sourceBytes) {
        this.image = image;
        this.source = source;
        this.sourceBytes = sourceBytes;
    }

    boolean exists() {
        return image.superblock().packed().nid() != 0;
    }

    /** Copies bytes that {@code user} has here. */
    void copy(Inode user, long startByte, byte[] into, int at, int length) throws IOException {
        if (!exists()) {
            throw image.corrupt(user, "has a fragment, but the image has no packed inode");
        }
        if (user.place().nid() == image.superblock().packed().nid()) {
            throw image.corrupt(user, "the packed inode has a fragment");
        }
        copy(startByte, into, at, length);
    }

    /** Copies bytes. */
    void copy(long startByte, byte[] into, int at, int length) throws IOException {
        Open packed = open();
        long size = packed.inode().data().sizeBytes();
        if (startByte < 0 || startByte > size - length) {
            throw image.corrupt(
                    packed.inode(),
                    length + " bytes from byte " + startByte + " on are not among the packed inode's " + size);
        }
        ByteBuffer target = ByteBuffer.wrap(into, at, length);
        packed.reader().read(packed.inode(), startByte, target);
    }

    private Open open() throws IOException {
        Open known = open;
        if (known != null) {
            return known;
        }
        Inode inode = image.inode(image.superblock().packed().nid());
        if (inode.type() != FileType.REGULAR) {
            throw image.corrupt(inode, "the packed inode is no regular file");
        }
        Open made = new Open(inode, new FileReader(image, source, sourceBytes, 0));
        open = made;
        return made;
    }
}
