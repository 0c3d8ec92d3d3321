package io.lamina.vhostuser.virtqueue;

import io.lamina.vhostuser.memory.DirtyLog;
import io.lamina.vhostuser.memory.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The buffers of one request as places in guest memory: first those that the device reads, then those that it writes.
 * Addresses and lengths have been checked; the bytes there are the guest's and can change at any time. The object is
 * filled again for every request and grows to the longest chain it has held.
 */
public final class DescriptorChain implements GuestMemory.Places {
    /** The longest indirect table that is read; the specification says the queue's size, drivers have sent more. */
    static final int MAX_INDIRECT = 1024;

    /** Places that a chain can have, after it has been split at the borders of regions. */
    private static final int MAX_PLACES = 4096;

    private MemorySegment[] memory = new MemorySegment[8];
    private long[] offset = new long[8];
    private long[] length = new long[8];
    private long[] guestAddress = new long[8];
    private int head;
    private int count;
    private int readable;
    private long readableBytes;
    private long writableBytes;
    private boolean writing;
    private long nextGuestAddress;

    /** Where an indirect table is copied to; most chains of most drivers need none. */
    private MemorySegment table = MemorySegment.NULL;

    /** The descriptor that names the chain in both rings. */
    public int head() {
        return head;
    }

    /** How many places there are. */
    public int count() {
        return count;
    }

    /** How many of the places, from the first on, are for reading. */
    public int readable() {
        return readable;
    }

    /** Bytes that the device may read; below 2^32. */
    public long readableBytes() {
        return readableBytes;
    }

    /** Bytes that the device may write; below 2^32. */
    public long writableBytes() {
        return writableBytes;
    }

    /** The memory in which a place lies. */
    public MemorySegment memory(int place) {
        return memory[place];
    }

    /** Where in its memory a place starts. */
    public long offset(int place) {
        return offset[place];
    }

    /** How long a place is; above 0. */
    public long length(int place) {
        return length[place];
    }

    /** Marks every byte that the device may have written. */
    public void markWritten(DirtyLog log) {
        for (int place = readable; place < count; place++) {
            log.mark(guestAddress[place], length[place]);
        }
    }

    /** Forgets the memory, so that an idle object does not keep it mapped. */
    public void clear() {
        Arrays.fill(memory, 0, count, null);
        count = 0;
        readable = 0;
        readableBytes = 0;
        writableBytes = 0;
        writing = false;
    }

    /** Names the chain anew: a packed ring tells the id last. */
    void identify(int id) {
        head = id;
    }

    void begin(int chainHead) {
        clear();
        head = chainHead;
    }

    /** Appends a buffer of the chain. */
    void append(GuestMemory guest, long address, long lengthBytes, boolean writable) throws VirtqueueException {
        if (lengthBytes == 0) {
            throw new VirtqueueException("chain " + head + " has a buffer of no bytes");
        }
        if (writing && !writable) {
            throw new VirtqueueException("chain " + head + " has a readable buffer after a writable one");
        }
        writing = writable;
        long total = (writable ? writableBytes : readableBytes) + lengthBytes;
        if (total > 0xffff_ffffL) {
            throw new VirtqueueException("chain " + head + " has 2^32 bytes or more");
        }
        nextGuestAddress = address;
        if (!guest.resolve(address, lengthBytes, this)) {
            throw new VirtqueueException("chain " + head + " has a buffer of " + lengthBytes + " bytes at 0x"
                    + Long.toHexString(address) + " that is not all in guest memory");
        }
        if (writable) {
            writableBytes = total;
        } else {
            readableBytes = total;
            readable = count;
        }
    }

    @Override
    public boolean add(MemorySegment placeMemory, long offsetBytes, long lengthBytes) {
        if (count == MAX_PLACES) {
            return false;
        }
        if (count == memory.length) {
            memory = Arrays.copyOf(memory, 2 * count);
            offset = Arrays.copyOf(offset, 2 * count);
            length = Arrays.copyOf(length, 2 * count);
            guestAddress = Arrays.copyOf(guestAddress, 2 * count);
        }
        memory[count] = placeMemory;
        offset[count] = offsetBytes;
        length[count] = lengthBytes;
        guestAddress[count] = nextGuestAddress;
        nextGuestAddress += lengthBytes;
        count++;
        return true;
    }

    /** A copy of an indirect table, taken once. */
    MemorySegment copyTable(GuestMemory guest, long tableAddress, long lengthBytes) throws VirtqueueException {
        if (table.byteSize() < lengthBytes) {
            table = Arena.ofAuto().allocate(lengthBytes, 16);
        }
        if (!guest.copyOut(tableAddress, table, lengthBytes)) {
            throw new VirtqueueException("chain " + head + " has an indirect table of " + lengthBytes + " bytes at 0x"
                    + Long.toHexString(tableAddress) + " that is not all in guest memory");
        }
        return table;
    }
}
