package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * A read-only loop device: a file as a block device. The kernel takes it away when nobody uses it any more, neither this
 * object nor a mount.
 *
 * @see <a href="https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/loop.h">linux/loop.h</a>
 */
public final class LoopDevice implements AutoCloseable {
    private static final String CONTROL = "/dev/loop-control";
    private static final int LOOP_CTL_GET_FREE = 0x4C82;
    private static final int LOOP_CONFIGURE = 0x4C0A;

    // struct loop_config: fd, block_size, then struct loop_info64, of which only the flags are set; 304 bytes together.
    private static final int CONFIG_BYTES = 304;
    private static final int CONFIG_FD = 0;
    private static final int CONFIG_FLAGS = 8 + 52;
    private static final int LO_FLAGS_READ_ONLY = 1;
    private static final int LO_FLAGS_AUTOCLEAR = 4;

    /** Others may take the free device between our asking and our taking. */
    private static final int MAX_TRIES = 64;

    private final String path;
    private final OwnedFd device;

    private LoopDevice(String path, OwnedFd device) {
        this.path = path;
        this.device = device;
    }

    /** Shows {@code file} as a block device; a tail short of a sector is not seen. */
    public static LoopDevice readOnly(Path file) throws SystemCallException {
        return of(file, DeviceFile.O_RDONLY, LO_FLAGS_READ_ONLY);
    }

    /** As {@link #readOnly}, and what is written goes into the file. */
    public static LoopDevice writable(Path file) throws SystemCallException {
        return of(file, DeviceFile.O_RDWR, 0);
    }

    private static LoopDevice of(Path file, int access, int flags) throws SystemCallException {
        try (OwnedFd control = DeviceFile.open(CONTROL, DeviceFile.O_RDWR);
                OwnedFd backing = DeviceFile.open(file.toString(), access)) {
            for (int tries = 1; ; tries++) {
                long number = SystemCall.IOCTL.call("LOOP_CTL_GET_FREE", control.number(), LOOP_CTL_GET_FREE);
                String path = "/dev/loop" + number;
                OwnedFd device = DeviceFile.open(path, access);
                try {
                    configure(path, device, backing, flags | LO_FLAGS_AUTOCLEAR);
                    return new LoopDevice(path, device);
                } catch (SystemCallException failure) {
                    device.close();
                    if (failure.errno() != Errno.EBUSY || tries == MAX_TRIES) {
                        throw failure;
                    }
                }
            }
        }
    }

    private static void configure(String path, OwnedFd device, OwnedFd backing, int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment config = arena.allocate(CONFIG_BYTES, Long.BYTES);
            config.set(ValueLayout.JAVA_INT, CONFIG_FD, backing.number());
            config.set(ValueLayout.JAVA_INT, CONFIG_FLAGS, flags);
            long _ = SystemCall.IOCTL.call("LOOP_CONFIGURE " + path, device.number(), LOOP_CONFIGURE, config.address());
        }
    }

    /** The device's node. */
    public String path() {
        return path;
    }

    @Override
    public void close() {
        device.close();
    }
}
