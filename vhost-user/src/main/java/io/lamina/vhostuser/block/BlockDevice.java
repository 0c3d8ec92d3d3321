package io.lamina.vhostuser.block;

/**
 * What is on a block device. Ranges have been checked: they lie inside the device and consist of whole sectors.
 * Methods are called by several threads at once, each with its own context; they answer a negated error number instead
 * of throwing, {@link #WOULD_BLOCK} when the context may not wait and would have to.
 */
public interface BlockDevice extends AutoCloseable {
    /** A negated {@code EAGAIN}: nothing has happened, a thread that may wait must do it. */
    int WOULD_BLOCK = -11;

    /** A negated {@code EROFS}: the device is read-only. */
    int READ_ONLY = -30;

    /** What the guest is told; the same for the device's whole life. */
    DeviceDescription description();

    /**
     * Reads a part of the range at {@code offsetBytes} into the cursor's next bytes, without moving the cursor.
     *
     * @param lengthBytes above 0, at most what the cursor has left
     * @return bytes read, above 0, or a negated error number
     */
    long read(long offsetBytes, long lengthBytes, BufferCursor into, IoContext context);

    /** Writes a part of the range from the cursor's next bytes, as {@link #read}. */
    default long write(long offsetBytes, long lengthBytes, BufferCursor from, IoContext context) {
        return READ_ONLY;
    }

    /** Waits until everything written is on its disk; 0 or a negated error number. */
    default int flush(IoContext context) {
        return 0;
    }

    /**
     * Makes a range read as zeroes; 0 or a negated error number.
     *
     * @param unmap the range may be given back to the file system
     */
    default int zero(long offsetBytes, long lengthBytes, boolean unmap, IoContext context) {
        return READ_ONLY;
    }

    /** Gives up what the device holds. No call is under way. */
    @Override
    void close();
}
