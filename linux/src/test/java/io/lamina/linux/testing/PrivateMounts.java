package io.lamina.linux.testing;

import io.lamina.linux.Errno;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A thread with a mount namespace of its own, in which a test mounts as it likes: nobody else sees the mounts, and the
 * kernel takes them away when the thread ends, be it by a failure or with a killed process. So no test leaks a mount
 * or a loop device. Programs that the body starts see the same mounts.
 *
 * <p>Everything that looks at the mounts has to run in the body, on its thread.
 */
public final class PrivateMounts {
    /** Read-only, for {@link #mount}'s flags ({@code linux/mount.h}). */
    public static final long MS_RDONLY = 1;

    private static final long MS_REC = 16384;
    private static final long MS_PRIVATE = 1 << 18;
    private static final int MNT_DETACH = 2;
    private static final int CLONE_NEWNS = 0x00020000;

    private static final MemoryLayout ERRNO_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = ERRNO_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle UNSHARE =
            bind("unshare", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    private static final MethodHandle UMOUNT2 =
            bind("umount2", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    private static final MethodHandle MOUNT = bind(
            "mount",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.ADDRESS));

    private PrivateMounts() {}

    /** What runs in the namespace. */
    public interface Body {
        /** Mounts, looks and judges; whatever it throws is thrown to the caller of {@link PrivateMounts#run}. */
        void run(PrivateMounts mounts) throws Exception;
    }

    /**
     * Runs {@code body} in a fresh mount namespace and waits for its end. Needs root.
     *
     * @throws Exception what the body threw
     */
    public static void run(Body body) throws Exception {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread thread = Thread.ofPlatform().name("private mounts").start(() -> {
            try {
                unshare();
                body.run(new PrivateMounts());
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        });
        thread.join();
        switch (failure.get()) {
            case null -> {}
            case Exception exception -> throw exception;
            case Error error -> throw error;
            case Throwable other -> throw new AssertionError(other);
        }
    }

    /**
     * {@code mount(2)}.
     *
     * @param flags such as {@link #MS_RDONLY}
     * @param options the file system's own, less than a page of them
     * @throws IOException if the call fails
     */
    public void mount(String source, Path target, String type, long flags, String options) throws IOException {
        mountAt(source, target.toString(), type, flags, options);
    }

    /**
     * Unmounts {@code target}, at once from the tree and from the kernel when its last user is gone.
     *
     * @throws IOException if {@code umount2(2)} fails
     */
    public void unmount(Path target) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(ERRNO_STATE);
            int result = (int) UMOUNT2.invoke(errno, arena.allocateFrom(target.toString()), MNT_DETACH);
            check(result, errno, "umount2 " + target);
        } catch (IOException | Error failure) {
            throw failure;
        } catch (Throwable failure) {
            throw new AssertionError(failure);
        }
    }

    private static void unshare() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(ERRNO_STATE);
            check((int) UNSHARE.invoke(errno, CLONE_NEWNS), errno, "unshare(CLONE_NEWNS)");
        } catch (IOException | Error failure) {
            throw failure;
        } catch (Throwable failure) {
            throw new AssertionError(failure);
        }
        // Without this the namespace's mounts would still travel to the parent's tree.
        mountAt("none", "/", "none", MS_REC | MS_PRIVATE, "");
    }

    private static void mountAt(String source, String target, String type, long flags, String options)
            throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment errno = arena.allocate(ERRNO_STATE);
            int result = (int) MOUNT.invoke(
                    errno,
                    arena.allocateFrom(source),
                    arena.allocateFrom(target),
                    arena.allocateFrom(type),
                    flags,
                    arena.allocateFrom(options));
            String shown = options.length() > 200 ? options.substring(0, 200) + "…" : options;
            check(result, errno, "mount -t " + type + " -o " + shown + " " + source + " " + target);
        } catch (IOException | Error failure) {
            throw failure;
        } catch (Throwable failure) {
            throw new AssertionError(failure);
        }
    }

    private static void check(int result, MemorySegment errno, String call) throws IOException {
        if (result != 0) {
            throw new IOException(call + ": " + Errno.describe((int) ERRNO.get(errno, 0L)));
        }
    }

    @SuppressWarnings("restricted") // the descriptors above are those of the manual pages
    private static MethodHandle bind(String function, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(function), descriptor, Linker.Option.captureCallState("errno"));
    }
}
