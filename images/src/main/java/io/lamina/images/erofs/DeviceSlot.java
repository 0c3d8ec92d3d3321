package io.lamina.images.erofs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * One entry of the device table, 128 bytes
 * (<a href="https://github.com/torvalds/linux/blob/v6.18/fs/erofs/erofs_fs.h">struct erofs_deviceslot</a>).
 *
 * @param tag what the device is; free text of at most 64 Latin-1 characters, never read when all devices are one
 * @param blocks the device's size in blocks
 * @param uniaddrBlock where it starts in the flattened block space
 */
public record DeviceSlot(String tag, long blocks, long uniaddrBlock) {
    /** Size on disk; a superblock counts the table's place in units of it. */
    public static final int BYTES = 128;

    /** Room for the tag; a sha256 in hexadecimal fills it. */
    public static final int TAG_BYTES = 64;

    private static final int BLOCKS = 64;
    private static final int UNIADDR = 68;
    private static final int BLOCKS_HI = 72;
    private static final int UNIADDR_HI = 74;

    /** The first block behind the device. */
    public long endBlock() {
        return uniaddrBlock + blocks;
    }

    /** @param longAddresses whether the upper halves of addresses count */
    static DeviceSlot read(ImageBytes image, long startByte, boolean longAddresses) throws IOException {
        image.check("device slot", startByte, BYTES);
        byte[] tag = new byte[TAG_BYTES];
        image.copy(startByte, tag, 0, TAG_BYTES);
        int length = 0;
        while (length < TAG_BYTES && tag[length] != 0) {
            length++;
        }
        return new DeviceSlot(
                new String(tag, 0, length, StandardCharsets.ISO_8859_1),
                image.u32(startByte + BLOCKS) | (longAddresses ? high(image, startByte + BLOCKS_HI) : 0),
                image.u32(startByte + UNIADDR) | (longAddresses ? high(image, startByte + UNIADDR_HI) : 0));
    }

    private static long high(ImageBytes image, long atByte) throws IOException {
        return (long) image.u16(atByte) << Integer.SIZE;
    }

    void write(byte[] head, int startByte) {
        byte[] text = tag.getBytes(StandardCharsets.ISO_8859_1);
        if (text.length > TAG_BYTES) {
            throw new IllegalArgumentException("device tag of " + text.length + " bytes");
        }
        System.arraycopy(text, 0, head, startByte, text.length);
        ByteBuffer.wrap(head)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(startByte + BLOCKS, (int) blocks)
                .putInt(startByte + UNIADDR, (int) uniaddrBlock);
    }
}
