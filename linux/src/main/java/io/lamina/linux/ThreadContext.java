package io.lamina.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What Linux keeps per thread and the C library pretends to keep per process: root, working directory, credentials.
 * A thread that has changed them must end; it is of no use for anything else.
 */
final class ThreadContext {
    private static final int CLONE_FS = 0x00000200;
    private static final int CLONE_NEWNS = 0x00020000;

    // arch/x86/entry/syscalls/syscall_64.tbl and asm-generic/unistd.h. The C library's functions of these names change
    // every thread of the process.
    private static final boolean AARCH64 = System.getProperty("os.arch").equals("aarch64");
    private static final long SYS_SETGROUPS = AARCH64 ? 159 : 116;
    private static final long SYS_SETRESUID = AARCH64 ? 147 : 117;
    private static final long SYS_SETRESGID = AARCH64 ? 149 : 119;

    private static final MethodHandle UNSHARE =
            Libc.errnoHandle("unshare", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle CHDIR =
            Libc.errnoHandle("chdir", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
    private static final MethodHandle CHROOT =
            Libc.errnoHandle("chroot", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
    private static final MethodHandle SETGROUPS = Libc.variadicErrnoHandle(
            "syscall",
            1,
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
    private static final MethodHandle SET_IDS = Libc.variadicErrnoHandle(
            "syscall",
            1,
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG));

    static {
        // With another root the class path is out of the thread's sight: what it throws must be there already.
        SystemCallException _ = new SystemCallException("unshare", "", Errno.EPERM);
    }

    private ThreadContext() {}

    /** Changes the calling thread; null leaves things as they are. The directory is one of the new root. */
    static void change(@Nullable Path root, @Nullable String directory, @Nullable Credentials credentials)
            throws SystemCallException {
        if (root == null) {
            unshare(CLONE_FS);
        } else {
            unshareMounts();
            path(CHDIR, "chdir", root.toString());
            Mount.move(".", "/");
            path(CHROOT, "chroot", ".");
            path(CHDIR, "chdir", "/");
        }
        if (directory != null) {
            path(CHDIR, "chdir", directory);
        }
        if (credentials != null) {
            become(credentials);
        }
    }

    /** Gives the calling thread mounts of its own, whose changes nobody else sees, even where mounts are shared. */
    static void unshareMounts() throws SystemCallException {
        unshare(CLONE_FS | CLONE_NEWNS);
        Mount.change("/", Mount.MS_REC | Mount.MS_PRIVATE);
    }

    private static void unshare(int flags) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int result = (int) UNSHARE.invokeExact(state, flags);
            check(result, "unshare", "", state);
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("unshare", failure);
        }
    }

    private static void path(MethodHandle call, String name, String path) throws SystemCallException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int result = (int) call.invokeExact(state, Libc.cString(arena, path.getBytes(StandardCharsets.UTF_8)));
            check(result, name, path, state);
        } catch (SystemCallException | IllegalArgumentException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected(name, failure);
        }
    }

    /** Groups first: the right to change them goes with the user id. */
    private static void become(Credentials credentials) throws SystemCallException {
        long uid = Integer.toUnsignedLong(credentials.uid());
        long gid = Integer.toUnsignedLong(credentials.gid());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.ERRNO_STATE);
            int count = credentials.groups().size();
            MemorySegment groups = arena.allocate(ValueLayout.JAVA_INT, Math.max(count, 1));
            for (int i = 0; i < count; i++) {
                groups.setAtIndex(ValueLayout.JAVA_INT, i, credentials.groups().get(i));
            }
            long result = (long) SETGROUPS.invokeExact(state, SYS_SETGROUPS, (long) count, groups);
            check(result, "setgroups", credentials.groups().toString(), state);
            result = (long) SET_IDS.invokeExact(state, SYS_SETRESGID, gid, gid, gid);
            check(result, "setresgid", Long.toString(gid), state);
            result = (long) SET_IDS.invokeExact(state, SYS_SETRESUID, uid, uid, uid);
            check(result, "setresuid", Long.toString(uid), state);
        } catch (SystemCallException failure) {
            throw failure;
        } catch (Throwable failure) {
            throw Libc.unexpected("setresuid", failure);
        }
    }

    private static void check(long result, String call, String subject, MemorySegment state)
            throws SystemCallException {
        if (result < 0) {
            throw new SystemCallException(call, subject, Libc.errno(state));
        }
    }
}
