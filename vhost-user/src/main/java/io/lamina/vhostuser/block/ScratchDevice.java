package io.lamina.vhostuser.block;

import io.lamina.linux.Errno;
import io.lamina.linux.FdStatus;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.PositionedIo;
import io.lamina.linux.SystemCallException;

/**
 * A writable device in one sparse file: what was never written, or is discarded, takes no space. The device's size is
 * the guest's quota; nothing is written beyond it.
 */
public final class ScratchDevice implements BlockDevice {
    private final DeviceDescription description;
    private final OwnedFd file;

    /**
     * Takes the file over, which is open for reading and writing and at least as long as the device.
     *
     * @throws IllegalArgumentException when the description is read-only or the file is too short
     */
    public ScratchDevice(DeviceDescription description, OwnedFd file) throws SystemCallException {
        long fileBytes = FdStatus.of(file).sizeBytes();
        if (description.readOnly() || fileBytes < description.sizeBytes()) {
            throw new IllegalArgumentException(
                    "a writable device of " + description.sizeBytes() + " bytes in a file of " + fileBytes);
        }
        this.description = description;
        this.file = file;
    }

    /** What the device takes of its file system. */
    public long usedBytes() throws SystemCallException {
        return FdStatus.of(file).allocatedBytes();
    }

    @Override
    public DeviceDescription description() {
        return description;
    }

    @Override
    public long read(long offsetBytes, long lengthBytes, BufferCursor into, IoContext context) {
        into.gather(context.vectors(), lengthBytes);
        long bytes = context.io().preadv2(file, context.vectors(), offsetBytes, flags(context));
        if (bytes == 0) {
            // The file was cut behind our back: what is gone reads as zeroes.
            into.zero(lengthBytes);
            return lengthBytes;
        }
        return wouldBlock(bytes, context);
    }

    @Override
    public long write(long offsetBytes, long lengthBytes, BufferCursor from, IoContext context) {
        from.gather(context.vectors(), lengthBytes);
        return wouldBlock(context.io().pwritev2(file, context.vectors(), offsetBytes, flags(context)), context);
    }

    @Override
    public int flush(IoContext context) {
        return context.mayBlock() ? context.io().fdatasync(file) : WOULD_BLOCK;
    }

    @Override
    public int zero(long offsetBytes, long lengthBytes, boolean unmap, IoContext context) {
        if (!context.mayBlock()) {
            return WOULD_BLOCK;
        }
        int hole = PositionedIo.FALLOC_FL_PUNCH_HOLE | PositionedIo.FALLOC_FL_KEEP_SIZE;
        int punched = context.io().fallocate(file, hole, offsetBytes, lengthBytes);
        if (punched < 0 || unmap) {
            return punched;
        }
        return context.io().fallocate(file, PositionedIo.FALLOC_FL_KEEP_SIZE, offsetBytes, lengthBytes);
    }

    @Override
    public void close() {
        file.close();
    }

    private static int flags(IoContext context) {
        return context.mayBlock() ? 0 : PositionedIo.RWF_NOWAIT;
    }

    private static long wouldBlock(long result, IoContext context) {
        // A file system that cannot say whether it would wait is asked again where waiting is allowed.
        return result == -Errno.EOPNOTSUPP && !context.mayBlock() ? WOULD_BLOCK : result;
    }
}
