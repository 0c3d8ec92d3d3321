package io.lamina.vhostuser.block;

import io.lamina.linux.IoVectors;
import io.lamina.vhostuser.virtqueue.DescriptorChain;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A position in the readable or the writable bytes of a chain, and how many of them are left. One thread at a time. */
public final class BufferCursor {
    private final DescriptorChain chain;
    private int place;
    private long inPlace;
    private long leftBytes;

    BufferCursor(DescriptorChain chain) {
        this.chain = chain;
    }

    /** A cursor over memory of our own. */
    static BufferCursor over(MemorySegment memory) {
        DescriptorChain whole = new DescriptorChain();
        var _ = whole.add(memory, 0, memory.byteSize());
        return new BufferCursor(whole);
    }

    /** Goes to the first byte, whatever it is for, and ends after {@code lengthBytes}. */
    void toStart(long lengthBytes) {
        place = 0;
        inPlace = 0;
        leftBytes = lengthBytes;
    }

    /** Goes to the start of the readable bytes. */
    void toReadable() {
        place = 0;
        inPlace = 0;
        leftBytes = chain.readableBytes();
    }

    /** Goes to the start of the writable bytes. */
    void toWritable() {
        place = chain.readable();
        inPlace = 0;
        leftBytes = chain.writableBytes();
    }

    /** Ends the bytes earlier. */
    void shortenTo(long lengthBytes) {
        leftBytes = Math.min(leftBytes, lengthBytes);
    }

    /** Bytes from the position to the end. */
    public long leftBytes() {
        return leftBytes;
    }

    /** Lists the memory of the next bytes, at most {@code lengthBytes} and as many as there are vectors. */
    public void gather(IoVectors vectors, long lengthBytes) {
        vectors.clear();
        int at = place;
        long from = inPlace;
        long left = Math.min(lengthBytes, leftBytes);
        while (left > 0 && !vectors.isFull()) {
            long bytes = Math.min(left, chain.length(at) - from);
            vectors.add(chain.memory(at).address() + chain.offset(at) + from, bytes);
            left -= bytes;
            from = 0;
            at++;
        }
    }

    /** Fills the next bytes with zeroes, without moving on. */
    public void zero(long lengthBytes) {
        int at = place;
        long from = inPlace;
        for (long left = lengthBytes; left > 0; ) {
            long bytes = Math.min(left, chain.length(at) - from);
            chain.memory(at).asSlice(chain.offset(at) + from, bytes).fill((byte) 0);
            left -= bytes;
            from = 0;
            at++;
        }
    }

    /** Copies into the next bytes, without moving on. */
    public void copyFrom(MemorySegment source, long sourceOffset, long lengthBytes) {
        copy(source, sourceOffset, lengthBytes, true);
    }

    /** Copies the next bytes out, without moving on. */
    public void copyTo(MemorySegment target, long targetOffset, long lengthBytes) {
        copy(target, targetOffset, lengthBytes, false);
    }

    private void copy(MemorySegment other, long otherOffset, long lengthBytes, boolean in) {
        int at = place;
        long from = inPlace;
        for (long done = 0; done < lengthBytes; ) {
            long bytes = Math.min(lengthBytes - done, chain.length(at) - from);
            MemorySegment memory = chain.memory(at);
            long offset = chain.offset(at) + from;
            if (in) {
                copy(other, otherOffset + done, memory, offset, bytes);
            } else {
                copy(memory, offset, other, otherOffset + done, bytes);
            }
            done += bytes;
            from = 0;
            at++;
        }
    }

    private static void copy(MemorySegment source, long sourceOffset, MemorySegment target, long offset, long bytes) {
        MemorySegment.copy(source, ValueLayout.JAVA_BYTE, sourceOffset, target, ValueLayout.JAVA_BYTE, offset, bytes);
    }

    /** Moves on by at most {@link #leftBytes}. */
    void advance(long bytes) {
        leftBytes -= bytes;
        for (long left = bytes; left > 0; ) {
            long step = Math.min(left, chain.length(place) - inPlace);
            left -= step;
            inPlace += step;
            if (inPlace == chain.length(place)) {
                place++;
                inPlace = 0;
            }
        }
    }
}
