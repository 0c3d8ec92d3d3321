package io.lamina.linux;

/**
 * Tells when a process ends, be it a child or not ({@code pidfd_open(2)}, which becomes readable then). A daemon thread
 * of its own waits.
 */
public final class ProcessWatch implements AutoCloseable {
    private static final int LOOK_AGAIN_MS = 1000;

    private final OwnedFd process;
    private volatile boolean closed;

    private ProcessWatch(OwnedFd process) {
        this.process = process;
    }

    /**
     * Watches the process {@code pid}.
     *
     * @param ended is run once, on the watching thread, unless the watch is closed before
     * @throws SystemCallException if there is no such process
     */
    public static ProcessWatch of(long pid, Runnable ended) throws SystemCallException {
        OwnedFd fd = new OwnedFd((int) SystemCall.PIDFD_OPEN.call("process " + pid, pid, 0));
        ProcessWatch watch = new ProcessWatch(fd);
        Thread.ofPlatform().daemon().name("watch-" + pid).start(() -> watch.run(ended));
        return watch;
    }

    private void run(Runnable ended) {
        try (process) {
            while (!closed) {
                // A close in between is seen at the next look; the descriptor is this thread's to close.
                if (Poll.readable(process, LOOK_AGAIN_MS)) {
                    if (!closed) {
                        ended.run();
                    }
                    return;
                }
            }
        } catch (SystemCallException failure) {
            ended.run(); // nothing more can be learnt of it here; whoever is told looks itself
        }
    }

    /** Ends the watch. */
    @Override
    public void close() {
        closed = true;
    }
}
