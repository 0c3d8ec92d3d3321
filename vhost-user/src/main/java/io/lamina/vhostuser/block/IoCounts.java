package io.lamina.vhostuser.block;

import java.util.concurrent.atomic.LongAdder;

/** What devices have done, all that share it together. Any thread may call; counting allocates nothing and never waits. */
public final class IoCounts {
    private final LongAdder reads = new LongAdder();
    private final LongAdder readBytes = new LongAdder();
    private final LongAdder writes = new LongAdder();
    private final LongAdder writtenBytes = new LongAdder();
    private final LongAdder errors = new LongAdder();

    /**
     * As of one moment, more or less.
     *
     * @param reads pieces read: a request is one for each file that it touches
     * @param readBytes their bytes
     * @param writes pieces written
     * @param writtenBytes their bytes
     * @param errors reads, writes, flushes and discards that failed, those that a read-only device refuses too
     */
    public record Sums(long reads, long readBytes, long writes, long writtenBytes, long errors) {
        /** Nothing. */
        public static final Sums NONE = new Sums(0, 0, 0, 0, 0);
    }

    /** The counts so far. */
    public Sums sums() {
        return new Sums(reads.sum(), readBytes.sum(), writes.sum(), writtenBytes.sum(), errors.sum());
    }

    /** {@code device}, counted; closed with it. */
    public BlockDevice counting(BlockDevice device) {
        return new Counted(device);
    }

    private long count(long result, LongAdder pieces, LongAdder bytes) {
        if (result >= 0) {
            pieces.increment();
            bytes.add(result);
        } else if (result != BlockDevice.WOULD_BLOCK) {
            errors.increment();
        }
        return result;
    }

    private int countFailure(int result) {
        if (result < 0 && result != BlockDevice.WOULD_BLOCK) {
            errors.increment();
        }
        return result;
    }

    private final class Counted implements BlockDevice {
        private final BlockDevice device;

        Counted(BlockDevice device) {
            this.device = device;
        }

        @Override
        public DeviceDescription description() {
            return device.description();
        }

        @Override
        public long read(long offsetBytes, long lengthBytes, BufferCursor into, IoContext context) {
            return count(device.read(offsetBytes, lengthBytes, into, context), reads, readBytes);
        }

        @Override
        public long write(long offsetBytes, long lengthBytes, BufferCursor from, IoContext context) {
            return count(device.write(offsetBytes, lengthBytes, from, context), writes, writtenBytes);
        }

        @Override
        public int flush(IoContext context) {
            return countFailure(device.flush(context));
        }

        @Override
        public int zero(long offsetBytes, long lengthBytes, boolean unmap, IoContext context) {
            return countFailure(device.zero(offsetBytes, lengthBytes, unmap, context));
        }

        @Override
        public void close() {
            device.close();
        }
    }
}
