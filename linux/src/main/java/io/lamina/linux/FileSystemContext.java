package io.lamina.linux;

import java.lang.foreign.Arena;

/**
 * A file system being mounted by {@code fsopen(2)} and its sisters, Linux 5.2 and later, where each parameter is a call of
 * its own and their number has no limit, unlike that of the page of options that {@code mount(2)} takes. One thread uses
 * an instance.
 *
 * @see <a href="https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/mount.h">linux/mount.h</a>
 */
public final class FileSystemContext implements AutoCloseable {
    private static final int FSOPEN_CLOEXEC = 1;
    private static final int FSMOUNT_CLOEXEC = 1;
    private static final int FSCONFIG_SET_FLAG = 0;
    private static final int FSCONFIG_SET_STRING = 1;
    private static final int FSCONFIG_CMD_CREATE = 6;
    private static final int MOVE_MOUNT_F_EMPTY_PATH = 4;

    private final String type;
    private final OwnedFd context;

    private FileSystemContext(String type, OwnedFd context) {
        this.type = type;
        this.context = context;
    }

    /**
     * Begins.
     *
     * @param type such as {@code erofs}
     * @throws SystemCallException if this kernel does not know the type, or the call
     */
    public static FileSystemContext open(String type) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            return new FileSystemContext(type, new OwnedFd((int)
                    SystemCall.FSOPEN.call(type, SystemCall.string(arena, type), FSOPEN_CLOEXEC)));
        }
    }

    /** Sets a parameter, such as {@code source}; of one that may come often, one more. */
    public void set(String key, String value) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.FSCONFIG.call(
                    type + " " + key + "=" + value,
                    context.number(),
                    FSCONFIG_SET_STRING,
                    SystemCall.string(arena, key),
                    SystemCall.string(arena, value),
                    0);
        }
    }

    /** Sets a parameter without a value, such as {@code ro}. */
    public void set(String flag) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.FSCONFIG.call(
                    type + " " + flag, context.number(), FSCONFIG_SET_FLAG, SystemCall.string(arena, flag), 0, 0);
        }
    }

    /**
     * Makes the file system and mounts it, nowhere yet.
     *
     * @param attributes a sum of {@code MOUNT_ATTR_} constants, of which {@code MS_RDONLY}, {@code MS_NOSUID},
     *     {@code MS_NODEV} and {@code MS_NOEXEC} have the same numbers
     * @return the mount, which ends when it is closed before it was {@linkplain #attach attached}
     */
    public OwnedFd create(long attributes) throws SystemCallException {
        long _ = SystemCall.FSCONFIG.call(type, context.number(), FSCONFIG_CMD_CREATE, 0, 0, 0);
        return new OwnedFd((int) SystemCall.FSMOUNT.call(type, context.number(), FSMOUNT_CLOEXEC, attributes));
    }

    /**
     * Gives {@code mount} its place.
     *
     * @param target an existing directory
     */
    public static void attach(OwnedFd mount, String target) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.MOVE_MOUNT.call(
                    target,
                    mount.number(),
                    SystemCall.string(arena, ""),
                    SystemCall.AT_FDCWD,
                    SystemCall.string(arena, target),
                    MOVE_MOUNT_F_EMPTY_PATH);
        }
    }

    @Override
    public void close() {
        context.close();
    }
}
