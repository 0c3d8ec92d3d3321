package io.lamina.images.erofs;

import io.lamina.images.CorruptImageException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The first bytes of an image, as numbers and runs of bytes, each access checked against the end. A few pages are kept,
 * so that a walk in inode order reads each page about once. One thread at a time.
 */
final class ImageBytes {
    /** Small, since a merge holds a thousand images open. */
    private static final int PAGE_BYTES = 16 << 10;

    private static final int PAGES = 8;
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final ByteSource source;
    private final byte[][] pages = new byte[PAGES][];
    private final long[] pageNumbers = new long[PAGES];
    private long endByte;

    /** @param endByte accesses behind it are refused; the source is at least as long */
    ImageBytes(String name, ByteSource source, long endByte) {
        this.name = name;
        this.source = source;
        this.endByte = endByte;
        Arrays.fill(pageNumbers, -1);
    }

    String name() {
        return name;
    }

    long endByte() {
        return endByte;
    }

    /** Lowers the end, once the superblock has told it. */
    void endAt(long byteOffset) {
        endByte = Math.min(endByte, byteOffset);
    }

    /** Refuses a structure that does not lie inside the image. */
    void check(String structure, long offset, long lengthBytes) throws CorruptImageException {
        if (offset < 0 || lengthBytes < 0 || lengthBytes > endByte || offset > endByte - lengthBytes) {
            throw corrupt(structure, offset, lengthBytes + " bytes do not fit the image's " + endByte);
        }
    }

    CorruptImageException corrupt(String structure, long offset, String rule) {
        return new CorruptImageException(name + ": " + structure, offset, rule);
    }

    int u8(long offset) throws IOException {
        return page(offset, 1)[inPage(offset)] & 0xFF;
    }

    int u16(long offset) throws IOException {
        if (inPage(offset) > PAGE_BYTES - Short.BYTES) {
            return u8(offset) | u8(offset + 1) << 8;
        }
        return (short) SHORT.get(page(offset, Short.BYTES), inPage(offset)) & 0xFFFF;
    }

    int i32(long offset) throws IOException {
        if (inPage(offset) > PAGE_BYTES - Integer.BYTES) {
            return u16(offset) | u16(offset + 2) << 16;
        }
        return (int) INT.get(page(offset, Integer.BYTES), inPage(offset));
    }

    long u32(long offset) throws IOException {
        return i32(offset) & 0xFFFF_FFFFL;
    }

    long i64(long offset) throws IOException {
        return u32(offset) | (long) i32(offset + Integer.BYTES) << 32;
    }

    /** Copies bytes out; a run longer than a page is read past the pages. */
    void copy(long offset, byte[] into, int at, int length) throws IOException {
        check("run of bytes", offset, length);
        if (length > PAGE_BYTES) {
            readSource(offset, into, at, length);
            return;
        }
        int done = 0;
        while (done < length) {
            int start = inPage(offset + done);
            int count = Math.min(length - done, PAGE_BYTES - start);
            System.arraycopy(page(offset + done, count), start, into, at + done, count);
            done += count;
        }
    }

    private static int inPage(long offset) {
        return (int) (offset & (PAGE_BYTES - 1));
    }

    private byte[] page(long offset, int length) throws IOException {
        if (offset < 0 || offset > endByte - length) {
            throw corrupt("field", offset, length + " bytes do not fit the image's " + endByte);
        }
        long number = offset / PAGE_BYTES;
        int slot = (int) (number % PAGES);
        byte[] page = pages[slot];
        if (pageNumbers[slot] == number && page != null) {
            return page;
        }
        if (page == null) {
            page = new byte[PAGE_BYTES];
            pages[slot] = page;
        }
        pageNumbers[slot] = -1;
        long start = number * PAGE_BYTES;
        readSource(start, page, 0, (int) Math.min(PAGE_BYTES, endByte - start));
        pageNumbers[slot] = number;
        return page;
    }

    private void readSource(long offset, byte[] into, int at, int length) throws IOException {
        try {
            source.read(offset, into, at, length);
        } catch (EOFException shrunk) {
            CorruptImageException failure = corrupt("image", offset, "the file became shorter while it was read");
            failure.initCause(shrunk);
            throw failure;
        }
    }
}
