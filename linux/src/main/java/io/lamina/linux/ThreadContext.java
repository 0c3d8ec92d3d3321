package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What Linux keeps per thread and the C library pretends to keep per process: root, working directory, credentials.
 * The C library's functions of these names would change every thread of the process, the system calls change one.
 * A thread that has changed them must end; it is of no use for anything else.
 */
final class ThreadContext {
    private static final int CLONE_FS = 0x00000200;

    static {
        // With another root the class path is out of the thread's sight: what it throws must be there already.
        SystemCallException _ = new SystemCallException("unshare", "", Errno.EPERM);
    }

    private ThreadContext() {}

    /** Changes the calling thread; null leaves things as they are. The directory is one of the new root. */
    static void change(@Nullable Path root, @Nullable String directory, @Nullable Credentials credentials)
            throws SystemCallException {
        if (root == null) {
            long _ = SystemCall.UNSHARE.call("", CLONE_FS);
        } else {
            Mount.unshareMounts();
            path(SystemCall.CHDIR, root.toString());
            Mount.move(".", "/");
            path(SystemCall.CHROOT, ".");
            path(SystemCall.CHDIR, "/");
        }
        if (directory != null) {
            path(SystemCall.CHDIR, directory);
        }
        if (credentials != null) {
            become(credentials);
        }
    }

    private static void path(SystemCall call, String path) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            long _ = call.call(path, SystemCall.string(arena, path));
        }
    }

    /** Groups first: the right to change them goes with the user id. */
    private static void become(Credentials credentials) throws SystemCallException {
        long uid = Integer.toUnsignedLong(credentials.uid());
        long gid = Integer.toUnsignedLong(credentials.gid());
        try (Arena arena = Arena.ofConfined()) {
            int count = credentials.groups().size();
            MemorySegment groups = arena.allocate(ValueLayout.JAVA_INT, Math.max(count, 1));
            for (int i = 0; i < count; i++) {
                groups.setAtIndex(ValueLayout.JAVA_INT, i, credentials.groups().get(i));
            }
            long _ = SystemCall.SETGROUPS.call(credentials.groups().toString(), count, groups.address());
        }
        long _ = SystemCall.SETRESGID.call(Long.toString(gid), gid, gid, gid);
        long _ = SystemCall.SETRESUID.call(Long.toString(uid), uid, uid, uid);
    }
}
