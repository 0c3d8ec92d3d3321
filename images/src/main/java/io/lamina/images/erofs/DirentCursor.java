package io.lamina.images.erofs;

import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Walks the entries of a directory in their order, and refuses what a directory must not be: unsorted, without
 * {@code ..} or a {@code .} that its inode does not leave out, with names that no path can hold. One thread at a time, as
 * the image itself.
 */
public final class DirentCursor {
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final ErofsImage image;
    private final Inode directory;
    private final WalkBudget walk;
    private final int blockSizeBytes;

    private long nextBlock;
    /** The entries that come next, and where they lie, for messages. */
    private byte[] block = new byte[0];

    private long blockStartByte;
    private int blockBytes;
    private int entriesInBlock;
    private int nextEntry;
    private int nameStart;

    private byte[] name = new byte[0];
    private long nid;
    private int typeCode;
    private long parentNid = -1;
    private boolean sawSelf;
    private boolean sawParent;

    DirentCursor(ErofsImage image, Inode directory, WalkBudget walk) {
        this.image = image;
        this.directory = directory;
        this.walk = walk;
        this.blockSizeBytes = image.superblock().areas().blockSizeBytes();
        this.sawSelf = directory.data().dotOmitted();
    }

    /** The current entry's name; a fresh array. */
    public byte[] name() {
        return name;
    }

    /** The current entry's node id. */
    public long nid() {
        return nid;
    }

    /** The current entry's type as the dirent has it, {@link FileType#direntCode} if it is right. */
    int typeCode() {
        return typeCode;
    }

    /** Where {@code ..} leads, once all entries are read; -1 before it was seen. */
    long parentNid() {
        return parentNid;
    }

    /**
     * Goes to the next entry that is neither {@code .} nor {@code ..}.
     *
     * @return whether there is one
     */
    public boolean next() throws IOException {
        while (true) {
            if (nextEntry == entriesInBlock && !enterBlock()) {
                if (!sawSelf || !sawParent) {
                    throw corrupt(directory.place().startByte(), "entry . or .. is missing");
                }
                return false;
            }
            readEntry();
            if (!Directory.isDotOrDotDot(name)) {
                return true;
            }
            if (name.length == 2) {
                sawParent = true;
                parentNid = nid;
            } else if (nid == directory.place().nid()) {
                sawSelf = true;
            } else {
                throw corrupt(blockStartByte, "entry . leads to inode " + nid);
            }
        }
    }

    private boolean enterBlock() throws IOException {
        long start = nextBlock * blockSizeBytes;
        if (start >= directory.data().sizeBytes()) {
            return false;
        }
        blockBytes = (int) Math.min(blockSizeBytes, directory.data().sizeBytes() - start);
        if (block.length < blockBytes) {
            block = new byte[blockBytes];
        }
        blockStartByte = image.copyBlock(directory, nextBlock, block, blockBytes);
        nextBlock++;
        if (blockBytes < DirentBlocks.DIRENT_BYTES) {
            throw corrupt(blockStartByte, "block of " + blockBytes + " bytes has no room for an entry");
        }
        int first = nameoff(0);
        if (first < DirentBlocks.DIRENT_BYTES || first >= blockBytes || first % DirentBlocks.DIRENT_BYTES != 0) {
            throw corrupt(blockStartByte, "names start at " + first + " of " + blockBytes + " bytes");
        }
        entriesInBlock = first / DirentBlocks.DIRENT_BYTES;
        nextEntry = 0;
        nameStart = first;
        walk.spendBlock(directory, blockBytes);
        return true;
    }

    private void readEntry() throws IOException {
        int inBlock = nextEntry * DirentBlocks.DIRENT_BYTES;
        long dirent = blockStartByte + inBlock;
        nextEntry++;
        boolean last = nextEntry == entriesInBlock;
        int nameEnd = last ? blockBytes : nameoff(nextEntry);
        if (nameEnd <= nameStart || nameEnd > blockBytes) {
            throw corrupt(dirent, "name from byte " + nameStart + " to " + nameEnd + " of a block of " + blockBytes);
        }
        int length = Math.min(nameEnd - nameStart, DirentBlocks.MAX_NAME_BYTES + 1);
        int used = last ? lengthBeforeNul(nameStart, length) : length;
        if (used == 0 || used > DirentBlocks.MAX_NAME_BYTES) {
            throw corrupt(dirent, "name is empty or longer than 255 bytes");
        }
        byte[] read = Arrays.copyOfRange(block, nameStart, nameStart + used);
        for (byte b : read) {
            if (b == 0 || b == '/') {
                throw corrupt(dirent, "name holds NUL or /");
            }
        }
        if (name.length > 0 && Arrays.compareUnsigned(name, read) >= 0) {
            throw corrupt(dirent, "names are not in ascending order");
        }
        name = read;
        nid = (long) LONG.get(block, inBlock);
        typeCode = block[inBlock + DirentBlocks.FILE_TYPE] & 0xFF;
        nameStart = nameEnd;
    }

    private int nameoff(int entry) {
        return (short) SHORT.get(block, entry * DirentBlocks.DIRENT_BYTES + DirentBlocks.NAMEOFF) & 0xFFFF;
    }

    private int lengthBeforeNul(int start, int length) {
        int used = 0;
        while (used < length && block[start + used] != 0) {
            used++;
        }
        return used;
    }

    private IOException corrupt(long offset, String rule) {
        return image.bytes().corrupt("directory of " + directory.label(), offset, rule);
    }
}
