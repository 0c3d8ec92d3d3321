package io.lamina.vhostuser.block;

import io.lamina.linux.Errno;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A read-only device of whose blocks none that its hash tree does not prove gets through: reading it is an I/O error, and is
 * told. Blocks of the tree itself are proved by the levels above them, the top by the root hash. What is hashed is a private
 * copy, so that the guest cannot change it meanwhile; it reaches the guest when it was found right. A block that was found
 * right once goes straight into the guest's memory from then on, unless each read is to be checked.
 */
public final class VerifiedDevice implements BlockDevice {
    /** Failed reads that are told each. */
    static final int TOLD_ALWAYS = 16;

    // What a check comes to, beside a negated error number.
    private static final int RIGHT = 0;
    private static final int WRONG = 1;

    private static final AtomicLong NEXT_ID = new AtomicLong();

    private final BlockDevice device;
    private final boolean always;
    private final WrongBlocks listener;

    /** Tells this device's hash blocks from others' in a thread's {@link VerityWorkspace}. */
    private final long id = NEXT_ID.incrementAndGet();

    private final int dataBlockBytes;
    private final long dataBytes;
    private final long dataBlocks;
    private final long[] levelStarts;
    private final byte[] rootHash;

    /** Data blocks, and behind them those of the tree. */
    private final VerifiedBlocks verified;

    private final AtomicLong wrong = new AtomicLong();

    /** Is told of wrong blocks, by the thread that has read one and may not be held up. */
    @FunctionalInterface
    public interface WrongBlocks {
        /**
         * A read of a block has failed. It is not told of each: of the first {@value VerifiedDevice#TOLD_ALWAYS}, then of
         * each whose count is a power of two.
         *
         * @param startBytes where the block starts
         * @param count reads that have failed so far
         */
        void found(long startBytes, long count);
    }

    /**
     * @param device closed with this one
     * @throws IllegalArgumentException if data and tree are not exactly the device
     */
    public VerifiedDevice(BlockDevice device, VerifyOnRead verify, WrongBlocks listener) {
        HashTree tree = verify.tree();
        this.device = device;
        this.always = verify.always();
        this.listener = listener;
        this.dataBlockBytes = tree.dataBlockSizeBytes();
        this.dataBytes = tree.dataBytes();
        this.dataBlocks = tree.dataBlocks();
        this.levelStarts = tree.levelStarts();
        this.rootHash = tree.rootHashBytes();
        long treeBlocks = levelStarts[levels()];
        long sizeBytes = dataBytes + treeBlocks * HashTree.HASH_BLOCK_BYTES;
        if (!device.description().readOnly() || device.description().sizeBytes() != sizeBytes) {
            throw new IllegalArgumentException("a device of "
                    + device.description().sizeBytes() + " bytes; data and tree are " + sizeBytes + ", read-only");
        }
        this.verified = new VerifiedBlocks(always ? 0 : dataBlocks + treeBlocks);
    }

    private int levels() {
        return levelStarts.length - 1;
    }

    @Override
    public DeviceDescription description() {
        return device.description();
    }

    /** Reads of a block that have failed because it is not the one that its hash proves. */
    public long wrongReads() {
        return wrong.get();
    }

    @Override
    public long read(long offsetBytes, long lengthBytes, BufferCursor into, IoContext context) {
        boolean tree = offsetBytes >= dataBytes;
        int unit = tree ? HashTree.HASH_BLOCK_BYTES : dataBlockBytes;
        long areaStart = tree ? dataBytes : 0;
        long areaEnd = tree ? description().sizeBytes() : dataBytes;
        long first = (offsetBytes - areaStart) / unit;
        long end = Math.ceilDiv(Math.min(offsetBytes + lengthBytes, areaEnd) - areaStart, unit);
        long number = tree ? dataBlocks + first : first;
        if (!always && verified.contains(number, end - first)) {
            return device.read(offsetBytes, Math.min(lengthBytes, areaEnd - offsetBytes), into, context);
        }
        VerityWorkspace workspace = VerityWorkspace.ofThisThread();
        long count = Math.min(end - first, VerityWorkspace.CHUNK_BYTES / unit);
        long start = areaStart + first * unit;
        long filled = workspace.fill(device, start, count * unit, context);
        if (filled < 0) {
            return filled;
        }
        int right = 0;
        while (right < count) {
            long verdict = check(tree, first + right, right * unit, workspace, context);
            if (verdict == RIGHT) {
                right++;
                continue;
            }
            if (right > 0) {
                // What was found right is handed over; the next read starts with this block.
                break;
            }
            if (verdict == WRONG) {
                tell(start);
                return -Errno.EIO;
            }
            return verdict;
        }
        if (!always) {
            verified.add(number, right);
        }
        long length = Math.min(lengthBytes, start + (long) right * unit - offsetBytes);
        into.copyFrom(workspace.chunk(), offsetBytes - start, length);
        return length;
    }

    private void tell(long startBytes) {
        long count = wrong.incrementAndGet();
        if (count <= TOLD_ALWAYS || Long.bitCount(count) == 1) {
            listener.found(startBytes, count);
        }
    }

    /** Whether a block of the chunk is right; or a negated error number. */
    private long check(boolean tree, long block, int chunkOffset, VerityWorkspace workspace, IoContext context) {
        int level = -1;
        long index = block;
        if (tree) {
            level = 0;
            while (block < levelStarts[level]) {
                level++;
            }
            index = block - levelStarts[level];
        }
        long parent = parent(level, index, workspace, context);
        if (parent < 0) {
            return parent;
        }
        byte[] hash = workspace.hashOfChunk(chunkOffset, tree ? HashTree.HASH_BLOCK_BYTES : dataBlockBytes);
        return matches(hash, parent, index, workspace) ? RIGHT : WRONG;
    }

    private boolean matches(byte[] hash, long parentSlot, long index, VerityWorkspace workspace) {
        byte[] expected = parentSlot == VerityWorkspace.ROOT ? rootHash : workspace.slot((int) parentSlot);
        int at = parentSlot == VerityWorkspace.ROOT
                ? 0
                : (int) (index % HashTree.HASHES_PER_BLOCK) * HashTree.HASH_BYTES;
        for (int i = 0; i < HashTree.HASH_BYTES; i++) {
            if (hash[i] != expected[at + i]) {
                return false;
            }
        }
        return true;
    }

    /**
     * Where the workspace has the proved hash block whose hashes are of block {@code index} of {@code level}, -1 being the
     * data: a slot, {@link VerityWorkspace#ROOT}, or a negated error number; {@code EIO} for one that is not right itself,
     * which is told then.
     */
    private long parent(int level, long index, VerityWorkspace workspace, IoContext context) {
        if (level == levels() - 1) {
            return VerityWorkspace.ROOT;
        }
        long inLevel = index / HashTree.HASHES_PER_BLOCK;
        long block = levelStarts[level + 1] + inLevel;
        int slot = workspace.find(id, block);
        if (slot >= 0) {
            return slot;
        }
        long above = parent(level + 1, inLevel, workspace, context);
        if (above < 0) {
            return above;
        }
        long startBytes = dataBytes + block * HashTree.HASH_BLOCK_BYTES;
        long filled = workspace.fillHashBlock(device, startBytes, context);
        if (filled < 0) {
            return filled;
        }
        if (!matches(workspace.hashOfHashBlock(), above, inLevel, workspace)) {
            tell(startBytes);
            return -Errno.EIO;
        }
        return workspace.keepHashBlock(id, block);
    }

    @Override
    public void close() {
        device.close();
    }
}
