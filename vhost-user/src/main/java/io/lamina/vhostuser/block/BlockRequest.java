package io.lamina.vhostuser.block;

import io.lamina.vhostuser.virtqueue.DescriptorChain;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * One request of a guest on its way, reused for the next one. It is carried out in steps, so that a long one does not
 * hold up its thread, and may go on in another thread between two steps. Framing is free: the header is the first 16
 * readable bytes and the status the last writable byte, however they are cut.
 */
public final class BlockRequest {
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** The most that one step moves before others have their turn. */
    static final int STEP_BYTES = 1 << 20;

    private static final long LONG_BYTES = 1 << 16;

    /** What is left to do after a step. */
    public enum Progress {
        /** The status is written; the chain can be given back. */
        DONE,
        /** Another step is needed. */
        MORE,
        /** Another step is needed, in a thread that may wait. */
        WOULD_BLOCK
    }

    private final DescriptorChain chain = new DescriptorChain();
    private final BufferCursor cursor = new BufferCursor(chain);

    /** A private copy of header or ranges, so that what is judged does not change any more. */
    private final MemorySegment copied = Arena.ofAuto().allocate(WriteRanges.BYTES * (long) WriteRanges.MAX_RANGES, 8);

    private int type;
    private long sector;
    private boolean parsed;
    private boolean ready;
    private int ranges;
    private int rangesDone;
    private long movedBytes;
    private long writtenBytes;

    /** The chain, to be filled from a ring before {@link #begin}. */
    public DescriptorChain chain() {
        return chain;
    }

    /** Carrying it out takes about as long as the driver takes to wake up. */
    public boolean isLong() {
        return chain.readableBytes() + chain.writableBytes() >= LONG_BYTES;
    }

    /** What the guest is told to have been written, after the last step; an unsigned 32-bit number. */
    public long writtenBytes() {
        return writtenBytes;
    }

    /** Starts over with the chain that has been filled in. */
    public void begin() {
        parsed = false;
        ready = false;
        ranges = 0;
        rangesDone = 0;
        movedBytes = 0;
        writtenBytes = 0;
    }

    /** Carries the request out as far as one step goes. */
    public Progress step(BlockDevice device, IoContext context) {
        if (!parsed) {
            // Without a header there is no request, without a writable byte no place for an answer.
            if (chain.readableBytes() < VirtioBlk.HEADER_BYTES || chain.writableBytes() == 0) {
                return Progress.DONE;
            }
            cursor.toReadable();
            cursor.copyTo(copied, 0, VirtioBlk.HEADER_BYTES);
            type = copied.get(U32, VirtioBlk.HEADER_TYPE);
            sector = copied.get(U64, VirtioBlk.HEADER_SECTOR);
            parsed = true;
        }
        return switch (type) {
            case VirtioBlk.T_IN -> read(device, context);
            case VirtioBlk.T_OUT -> write(device, context);
            case VirtioBlk.T_FLUSH -> after(device.flush(context), context);
            case VirtioBlk.T_GET_ID -> identify(device.description());
            case VirtioBlk.T_DISCARD, VirtioBlk.T_WRITE_ZEROES -> zero(device, context);
            default -> finish(VirtioBlk.S_UNSUPP);
        };
    }

    private Progress read(BlockDevice device, IoContext context) {
        long dataBytes = chain.writableBytes() - 1;
        if (!ready) {
            if (!isInside(device.description(), sector, dataBytes)) {
                return finish(VirtioBlk.S_IOERR);
            }
            cursor.toWritable();
            cursor.shortenTo(dataBytes);
            ready = true;
        }
        Progress progress = move(device, context);
        if (cursor.leftBytes() == 0) {
            writtenBytes = dataBytes + 1;
        }
        return progress;
    }

    private Progress write(BlockDevice device, IoContext context) {
        if (!ready) {
            long dataBytes = chain.readableBytes() - VirtioBlk.HEADER_BYTES;
            if (device.description().readOnly() || !isInside(device.description(), sector, dataBytes)) {
                return finish(VirtioBlk.S_IOERR);
            }
            cursor.toReadable();
            cursor.advance(VirtioBlk.HEADER_BYTES);
            ready = true;
        }
        return move(device, context);
    }

    /** Moves data between the device and the buffers that the cursor stands in, as much as one step may. */
    private Progress move(BlockDevice device, IoContext context) {
        for (long step = 0; cursor.leftBytes() > 0; ) {
            if (step >= STEP_BYTES) {
                return Progress.MORE;
            }
            long wanted = Math.min(cursor.leftBytes(), STEP_BYTES);
            long at = sector * VirtioBlk.SECTOR_BYTES + movedBytes;
            long moved = type == VirtioBlk.T_IN
                    ? device.read(at, wanted, cursor, context)
                    : device.write(at, wanted, cursor, context);
            if (moved < 0) {
                return after((int) moved, context);
            }
            cursor.advance(moved);
            movedBytes += moved;
            step += moved;
        }
        return finish(VirtioBlk.S_OK);
    }

    private Progress identify(DeviceDescription description) {
        byte[] serial = description.serial().getBytes(StandardCharsets.US_ASCII);
        long length = Math.min(VirtioBlk.ID_BYTES, chain.writableBytes() - 1);
        cursor.toWritable();
        cursor.zero(length);
        cursor.copyFrom(MemorySegment.ofArray(serial), 0, Math.min(length, serial.length));
        finish(VirtioBlk.S_OK);
        writtenBytes = length + 1;
        return Progress.DONE;
    }

    /** Discards or zeroes the ranges that the request's data names, one after another. */
    private Progress zero(BlockDevice device, IoContext context) {
        if (!ready) {
            long rangeBytes = chain.readableBytes() - VirtioBlk.HEADER_BYTES;
            if (device.description().readOnly()
                    || rangeBytes == 0
                    || rangeBytes % WriteRanges.BYTES != 0
                    || rangeBytes > copied.byteSize()) {
                return finish(VirtioBlk.S_IOERR);
            }
            cursor.toReadable();
            cursor.advance(VirtioBlk.HEADER_BYTES);
            cursor.copyTo(copied, 0, rangeBytes);
            ranges = (int) (rangeBytes / WriteRanges.BYTES);
            byte verdict = judgeRanges(device.description());
            if (verdict != VirtioBlk.S_OK) {
                return finish(verdict);
            }
            ready = true;
        }
        while (rangesDone < ranges) {
            long at = (long) rangesDone * WriteRanges.BYTES;
            long lengthBytes = sectors(at) * VirtioBlk.SECTOR_BYTES;
            boolean unmap = type == VirtioBlk.T_DISCARD
                    || (copied.get(U32, at + WriteRanges.FLAGS) & WriteRanges.FLAG_UNMAP) != 0;
            long offsetBytes = copied.get(U64, at) * VirtioBlk.SECTOR_BYTES;
            int result = lengthBytes == 0 ? 0 : device.zero(offsetBytes, lengthBytes, unmap, context);
            if (result < 0) {
                return after(result, context);
            }
            rangesDone++;
        }
        return finish(VirtioBlk.S_OK);
    }

    private byte judgeRanges(DeviceDescription description) {
        int legalFlags = type == VirtioBlk.T_DISCARD ? 0 : WriteRanges.FLAG_UNMAP;
        for (int range = 0; range < ranges; range++) {
            long at = (long) range * WriteRanges.BYTES;
            if ((copied.get(U32, at + WriteRanges.FLAGS) & ~legalFlags) != 0) {
                return VirtioBlk.S_UNSUPP;
            }
            if (sectors(at) > WriteRanges.MAX_SECTORS
                    || !isInside(description, copied.get(U64, at), sectors(at) * VirtioBlk.SECTOR_BYTES)) {
                return VirtioBlk.S_IOERR;
            }
        }
        return VirtioBlk.S_OK;
    }

    private long sectors(long rangeAt) {
        return Integer.toUnsignedLong(copied.get(U32, rangeAt + WriteRanges.NUM_SECTORS));
    }

    private static boolean isInside(DeviceDescription description, long sector, long lengthBytes) {
        long capacity = description.capacitySectors();
        return lengthBytes % VirtioBlk.SECTOR_BYTES == 0
                && sector >= 0
                && sector <= capacity
                && lengthBytes / VirtioBlk.SECTOR_BYTES <= capacity - sector;
    }

    private Progress after(int result, IoContext context) {
        if (result == BlockDevice.WOULD_BLOCK && !context.mayBlock()) {
            return Progress.WOULD_BLOCK;
        }
        return finish(result == 0 ? VirtioBlk.S_OK : VirtioBlk.S_IOERR);
    }

    private Progress finish(byte status) {
        int last = chain.count() - 1;
        chain.memory(last).set(ValueLayout.JAVA_BYTE, chain.offset(last) + chain.length(last) - 1, status);
        writtenBytes = 1;
        return Progress.DONE;
    }
}
