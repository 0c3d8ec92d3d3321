package io.lamina.linux;

import java.lang.foreign.Arena;

/** {@code mount(2)} and {@code umount2(2)}. Paths are those of the calling thread. */
public final class Mount {
    // linux/mount.h
    public static final long MS_RDONLY = 1;
    public static final long MS_NOSUID = 2;
    public static final long MS_NODEV = 4;
    public static final long MS_NOEXEC = 8;
    public static final long MS_REMOUNT = 32;
    public static final long MS_NOATIME = 1024;
    public static final long MS_BIND = 4096;
    public static final long MS_MOVE = 8192;
    public static final long MS_REC = 16384;
    public static final long MS_PRIVATE = 1 << 18;

    /** The mount goes away from the tree now and ends when nobody uses it any more. */
    public static final int MNT_DETACH = 2;

    /** A root, a working directory and a umask of the thread's own; mounts of its own need it ({@code linux/sched.h}). */
    private static final int CLONE_FS = 0x00000200;

    private static final int CLONE_NEWNS = 0x00020000;

    private Mount() {}

    /**
     * Gives the calling thread mounts of its own, whose changes nobody else sees, even where mounts are shared. The
     * thread is of no use for anything else and must end; its mounts end with it.
     */
    public static void unshareMounts() throws SystemCallException {
        long _ = SystemCall.UNSHARE.call("", CLONE_FS | CLONE_NEWNS);
        change("/", MS_REC | MS_PRIVATE);
    }

    /**
     * Mounts a file system.
     *
     * @param type such as {@code erofs}
     * @param source a device, or any name where the type needs none
     * @param target an existing directory
     * @param flags a sum of {@code MS_} constants
     * @param options of the file system, comma-separated; may be empty
     */
    public static void mount(String type, String source, String target, long flags, String options)
            throws SystemCallException {
        call(source, target, type, flags, options);
    }

    /** Shows what is at {@code source} at {@code target} too. */
    public static void bind(String source, String target) throws SystemCallException {
        call(source, target, "", MS_BIND, "");
    }

    /** Moves the mount at {@code source} to {@code target}. */
    public static void move(String source, String target) throws SystemCallException {
        call(source, target, "", MS_MOVE, "");
    }

    /** Changes the flags or the propagation of the mount at {@code target}. */
    public static void change(String target, long flags) throws SystemCallException {
        call("none", target, "", flags, "");
    }

    /**
     * Takes the topmost mount at {@code target} away.
     *
     * @param flags 0 or {@link #MNT_DETACH}
     */
    public static void unmount(String target, int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.UMOUNT2.call(target, SystemCall.string(arena, target), flags);
        }
    }

    private static void call(String source, String target, String type, long flags, String options)
            throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = SystemCall.MOUNT.call(
                    (type.isEmpty() ? "" : type + " ") + source + " on " + target,
                    SystemCall.string(arena, source),
                    SystemCall.string(arena, target),
                    SystemCall.string(arena, type),
                    flags,
                    SystemCall.string(arena, options));
        }
    }
}
