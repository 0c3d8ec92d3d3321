package io.lamina.images.erofs;

import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/**
 * Writes an image from front to back in large pieces, with the level-0 dm-verity hash of each block where they are
 * wanted. The head, which holds the superblock, is left out and comes last, when everything about the image is known.
 * Numbers are little endian. One thread at a time.
 */
public final class BlobOutput {
    /** Images are padded to a multiple of it, so that layers start on whole hash blocks: 128 blocks of 4 KiB. */
    public static final int PADDING_BYTES = 512 << 10;

    /** The most that is written at a time. */
    static final int BUFFER_BYTES = 512 << 10;

    private static final byte[] ZEROES = new byte[BUFFER_BYTES];

    private final FileChannel blob;
    private final @Nullable LeafOutput leaves;
    private final int blockSizeBytes;
    private final int headBytes;
    private final Background writing;
    private ByteBuffer buffer;
    /** The image's byte that the buffer starts with; a multiple of the buffer's and of verity's block size. */
    private long bufferStart;

    private int used;

    /**
     * @param blob takes the image from its start; what it held before is dropped
     * @param leaves takes the hashes of its blocks; null where none are wanted
     * @param headBytes left out in front, a multiple of the block size
     * @param writing does the writing, and has the buffers
     */
    public BlobOutput(
            FileChannel blob, @Nullable LeafOutput leaves, int blockSizeBytes, int headBytes, Background writing)
            throws IOException {
        this.writing = writing;
        this.blob = blob;
        this.leaves = leaves;
        this.blockSizeBytes = blockSizeBytes;
        this.headBytes = headBytes;
        blob.truncate(0);
        bufferStart = headBytes;
        buffer = writing.next(BUFFER_BYTES);
    }

    /** Where the next byte goes, counted from the image's start. */
    public long positionBytes() {
        return bufferStart + used;
    }

    /** The block that the next byte belongs to; for a position at a block's start. */
    public long positionBlock() {
        return positionBytes() / blockSizeBytes;
    }

    /** The buffer to fill by absolute positions, until {@link #room} is asked for again. */
    public ByteBuffer buffer() {
        return buffer;
    }

    /** Makes room for at least {@code bytes}, 64 KiB at most, and says where in {@link #buffer} it is. */
    public int room(int bytes) throws IOException {
        if (BUFFER_BYTES - used < bytes) {
            flush();
        }
        return used;
    }

    /** Takes {@code bytes} that were put into the room. */
    public void advance(int bytes) {
        used += bytes;
    }

    void putByte(int value) throws IOException {
        int at = room(Byte.BYTES); // before the buffer is named, since it may be exchanged
        buffer.put(at, (byte) value);
        used += Byte.BYTES;
    }

    void putShort(int value) throws IOException {
        int at = room(Short.BYTES);
        buffer.putShort(at, (short) value);
        used += Short.BYTES;
    }

    void putInt(int value) throws IOException {
        int at = room(Integer.BYTES);
        buffer.putInt(at, value);
        used += Integer.BYTES;
    }

    void putLong(long value) throws IOException {
        int at = room(Long.BYTES);
        buffer.putLong(at, value);
        used += Long.BYTES;
    }

    /** Writes bytes. */
    public void put(byte[] bytes, int start, int length) throws IOException {
        int done = 0;
        while (done < length) {
            int count = Math.min(length - done, BUFFER_BYTES - room(1));
            buffer.put(used, bytes, start + done, count);
            used += count;
            done += count;
        }
    }

    /** Writes zeroes. */
    public void putZeroes(long count) throws IOException {
        long left = count;
        while (left > 0) {
            int run = (int) Math.min(left, BUFFER_BYTES - room(1));
            fillZeroes(used, run);
            used += run;
            left -= run;
        }
    }

    /** Puts zeroes into the room, from byte {@code at} of the buffer on. */
    public void fillZeroes(int at, int count) {
        buffer.put(at, ZEROES, 0, count);
    }

    /** Writes zeroes up to the image's byte {@code end}. */
    void padTo(long end) throws IOException {
        putZeroes(end - positionBytes());
    }

    /** Writes zeroes up to the start of a block. */
    public void padBlock() throws IOException {
        putZeroes(-positionBytes() & (blockSizeBytes - 1));
    }

    /** {@code blocks} rounded up as images are padded. */
    static long paddedBlocks(long blocks, int blockBits) {
        long unit = PADDING_BYTES >> blockBits;
        return (blocks + unit - 1) / unit * unit;
    }

    /** Pads the image, writes what is left, and then the head. */
    void finish(byte[] head) throws IOException {
        putZeroes(-positionBytes() & (PADDING_BYTES - 1));
        writing.await();
        finish(buffer.slice(0, used), bufferStart);
        finish(ByteBuffer.wrap(head).slice(0, headBytes), 0);
    }

    private void finish(ByteBuffer bytes, long atByte) throws IOException {
        if (leaves != null) {
            leaves.finish(bytes.duplicate(), atByte);
        }
        writeFully(blob, bytes, atByte);
    }

    /** Lets whole blocks be hashed and written, and goes on with the next buffer. */
    private void flush() throws IOException {
        ByteBuffer full = buffer;
        int whole = used & -VerityGeometry.STANDARD.dataBlockSizeBytes();
        long atByte = bufferStart;
        if (leaves != null) {
            leaves.start(full.slice(0, whole), atByte);
        }
        writing.start(() -> writeFully(blob, full.slice(0, whole), atByte));
        buffer = writing.next(BUFFER_BYTES);
        buffer.put(0, full, whole, used - whole);
        bufferStart += whole;
        used -= whole;
    }

    static void writeFully(FileChannel file, ByteBuffer bytes, long atByte) throws IOException {
        long position = atByte;
        while (bytes.hasRemaining()) {
            position += file.write(bytes, position);
        }
    }
}
