package io.lamina.linux.testing;

import io.lamina.linux.Mount;
import java.io.IOException;
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
                Mount.unshareMounts();
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
     * @param flags a sum of {@code Mount.MS_} constants
     * @param options the file system's own, less than a page of them
     * @throws IOException if the call fails
     */
    public void mount(String source, Path target, String type, long flags, String options) throws IOException {
        Mount.mount(type, source, target.toString(), flags, options);
    }

    /**
     * Unmounts {@code target}, at once from the tree and from the kernel when its last user is gone.
     *
     * @throws IOException if {@code umount2(2)} fails
     */
    public void unmount(Path target) throws IOException {
        Mount.unmount(target.toString(), Mount.MNT_DETACH);
    }
}
