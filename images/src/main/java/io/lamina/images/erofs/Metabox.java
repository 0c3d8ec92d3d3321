package io.lamina.images.erofs;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The metabox: an inode whose data, compressed as a rule, holds other inodes with all that lies behind them. It is read
 * as if it were an image of its own; its inodes' node ids count from its start.
 */
final class Metabox {
    private final ErofsImage image;
    private final FileReader reader;
    private @Nullable ImageBytes bytes;

    /** @param reader of this data alone */
    Metabox(ErofsImage image, FileReader reader) {
        this.image = image;
        this.reader = reader;
    }

    boolean exists() {
        return image.superblock().metaboxNid() != 0;
    }

    /** Its bytes; {@code user} is what leads here, for messages. */
    ImageBytes bytes(String user) throws IOException {
        ImageBytes known = bytes;
        if (known != null) {
            return known;
        }
        if (!exists()) {
            throw image.bytes().corrupt(user, Superblock.START_BYTE, "it lies in the metabox, but there is none");
        }
        Inode inode = image.inode(image.superblock().metaboxNid());
        long size = inode.data().sizeBytes();
        if (inode.type() != FileType.REGULAR) {
            throw image.corrupt(inode, "the metabox is no regular file");
        }
        if (size > image.bytes().endByte() * WalkBudget.MAX_RATIO) {
            throw image.corrupt(
                    inode,
                    "the metabox has " + size + " bytes, more than " + WalkBudget.MAX_RATIO + " times the image's "
                            + image.bytes().endByte());
        }
        ImageBytes made = new ImageBytes(image.name() + ": metabox", source(inode, size), size);
        bytes = made;
        return made;
    }

    private ByteSource source(Inode inode, long size) {
        return new ByteSource() {
            @Override
            public long lengthBytes() {
                return size;
            }

            @Override
            public void read(long offsetBytes, byte[] into, int at, int length) throws IOException {
                reader.copy(inode, offsetBytes, into, at, length);
            }
        };
    }
}
