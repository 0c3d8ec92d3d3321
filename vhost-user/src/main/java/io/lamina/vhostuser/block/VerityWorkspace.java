package io.lamina.vhostuser.block;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * What a thread needs to check blocks, allocated once: room for blocks on their way, and the hash blocks that it has proved
 * lately, of any device.
 */
final class VerityWorkspace {
    /** Most that is checked in one go; a loop has other rings to serve. */
    static final int CHUNK_BYTES = 128 << 10;

    /** Stands for the slot of a block that the root hash proves. */
    static final int ROOT = Integer.MAX_VALUE;

    /** Their hashes cover 16 MiB of data. */
    private static final int SLOTS = 32;

    private static final ThreadLocal<VerityWorkspace> OF_THREAD = ThreadLocal.withInitial(VerityWorkspace::new);

    private final MemorySegment chunk = Arena.ofAuto().allocate(CHUNK_BYTES, HashTree.HASH_BLOCK_BYTES);
    private final BufferCursor chunkCursor = BufferCursor.over(chunk);
    private final MemorySegment hashBlock =
            Arena.ofAuto().allocate(HashTree.HASH_BLOCK_BYTES, HashTree.HASH_BLOCK_BYTES);
    private final BufferCursor hashBlockCursor = BufferCursor.over(hashBlock);

    private final byte[] block = new byte[HashTree.HASH_BLOCK_BYTES];
    private final byte[] salt = new byte[HashTree.SALT_BYTES];
    private final byte[] hash = new byte[HashTree.HASH_BYTES];
    private final MessageDigest sha256;

    private final long[] slotDevices = new long[SLOTS];
    private final long[] slotBlocks = new long[SLOTS];
    private final byte[][] slots = new byte[SLOTS][HashTree.HASH_BLOCK_BYTES];

    private VerityWorkspace() {
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every JDK has SHA-256", impossible);
        }
    }

    static VerityWorkspace ofThisThread() {
        return OF_THREAD.get();
    }

    /** The blocks that {@link #fill} has read. */
    MemorySegment chunk() {
        return chunk;
    }

    /** Reads all of a range, at most {@link #CHUNK_BYTES}; answers its length or a negated error number. */
    long fill(BlockDevice device, long startBytes, long lengthBytes, IoContext context) {
        return fill(device, startBytes, lengthBytes, chunkCursor, context);
    }

    /** As {@link #fill}, of one hash block. */
    long fillHashBlock(BlockDevice device, long startBytes, IoContext context) {
        return fill(device, startBytes, HashTree.HASH_BLOCK_BYTES, hashBlockCursor, context);
    }

    private static long fill(
            BlockDevice device, long startBytes, long lengthBytes, BufferCursor cursor, IoContext context) {
        cursor.toStart(lengthBytes);
        for (long done = 0; done < lengthBytes; ) {
            long moved = device.read(startBytes + done, lengthBytes - done, cursor, context);
            if (moved < 0) {
                return moved;
            }
            cursor.advance(moved);
            done += moved;
        }
        return lengthBytes;
    }

    /** The hash of a block of the chunk, until the next one is made. */
    byte[] hashOfChunk(int offsetBytes, int lengthBytes) {
        return hash(chunk, offsetBytes, lengthBytes);
    }

    /** The hash of what {@link #fillHashBlock} has read, until the next one is made. */
    byte[] hashOfHashBlock() {
        return hash(hashBlock, 0, HashTree.HASH_BLOCK_BYTES);
    }

    private byte[] hash(MemorySegment from, long offsetBytes, int lengthBytes) {
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, offsetBytes, block, 0, lengthBytes);
        sha256.update(salt);
        sha256.update(block, 0, lengthBytes);
        try {
            sha256.digest(hash, 0, hash.length);
        } catch (DigestException impossible) {
            throw new AssertionError("there is room for a hash", impossible);
        }
        return hash;
    }

    /** The slot that has a proved hash block; -1 when none has. */
    int find(long deviceId, long number) {
        int slot = slotOf(number);
        return slotDevices[slot] == deviceId && slotBlocks[slot] == number ? slot : -1;
    }

    /** Keeps the hash block that {@link #hashOfHashBlock} was made of, in place of another one; answers the slot. */
    int keepHashBlock(long deviceId, long number) {
        int slot = slotOf(number);
        slotDevices[slot] = deviceId;
        slotBlocks[slot] = number;
        System.arraycopy(block, 0, slots[slot], 0, HashTree.HASH_BLOCK_BYTES);
        return slot;
    }

    byte[] slot(int slot) {
        return slots[slot];
    }

    private static int slotOf(long number) {
        return (int) (number % SLOTS);
    }
}
