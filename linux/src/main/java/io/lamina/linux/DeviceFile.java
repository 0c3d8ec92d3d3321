package io.lamina.linux;

import java.lang.foreign.Arena;

/** Device nodes: making them ({@code mknod(2)}), and opening them for calls that take a descriptor. */
public final class DeviceFile {
    static final int O_RDONLY = 0;
    static final int O_RDWR = 2;

    /** {@code S_IFCHR} of {@code linux/stat.h}. */
    private static final int CHARACTER_DEVICE = 0020000;

    /** {@code S_IFBLK} of {@code linux/stat.h}. */
    private static final int BLOCK_DEVICE = 0060000;

    private DeviceFile() {}

    /**
     * Makes a character device node with exactly these permissions.
     *
     * @param permissions the lower 12 bits of a mode; the umask is not applied
     */
    public static void makeCharacterDevice(String path, int permissions, int major, int minor)
            throws SystemCallException {
        make(path, CHARACTER_DEVICE, permissions, device(major, minor));
    }

    /** As {@link #makeCharacterDevice}, of a block device. */
    public static void makeBlockDevice(String path, int permissions, int major, int minor) throws SystemCallException {
        make(path, BLOCK_DEVICE, permissions, device(major, minor));
    }

    private static void make(String path, int type, int permissions, long device) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long name = SystemCall.string(arena, path);
            long mode = type | permissions;
            long _ = SystemCall.MKNODAT.call(path, SystemCall.AT_FDCWD, name, mode, device);
            long _ = SystemCall.FCHMODAT.call(path, SystemCall.AT_FDCWD, name, permissions);
        }
    }

    /** The numbers as the kernel packs them (new_encode_dev of linux/kdev_t.h): 12 bits of major, 20 of minor. */
    static long device(int major, int minor) {
        if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff) {
            throw new IllegalArgumentException("device " + major + ":" + minor);
        }
        return (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12);
    }

    static OwnedFd open(String path, int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long name = SystemCall.string(arena, path);
            long number = SystemCall.OPENAT.call(path, SystemCall.AT_FDCWD, name, flags | SystemCall.O_CLOEXEC);
            return new OwnedFd((int) number);
        }
    }
}
