package io.lamina.vhostuser.server;

import io.lamina.linux.Safepoint;
import io.lamina.vhostuser.block.BlockRequest.Progress;
import io.lamina.vhostuser.memory.DirtyLog;
import io.lamina.vhostuser.virtqueue.Virtqueue;
import io.lamina.vhostuser.virtqueue.VirtqueueException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Serves one ring that is in operation: takes chains, carries requests out, gives them back. It runs on the device's
 * event loop in short turns; only {@link #finished} is for every thread.
 */
final class QueueWorker {
    /** Requests of one turn: enough to make publishing and interrupting cheap, few enough to be fair. */
    private static final int TURN_REQUESTS = 64;

    /** Completed requests after which the driver sees them, so that it can refill the ring meanwhile. */
    private static final int PUBLISH_EVERY = 16;

    /** Completed requests that are worth an interrupt before a long one. */
    private static final int EARLY_PUBLISH = 5;

    /** So many long requests take about as long as a driver takes to wake up. */
    private static final int LAST_ONES = 2;

    /** Looks at a ring between two looks at the clock, which cost as much as several. */
    private static final int LOOKS_PER_CLOCK = 8;

    private final DeviceContext device;
    private final Virtqueue queue;
    private final Listener listener;
    private final Runnable collect = this::collect;
    private final List<Runnable> whenIdle = new ArrayList<>();

    /** A long request between two of its steps. */
    private @Nullable PendingRequest unfinished;

    /** How many requests the slow lane has. */
    private int slow;

    private final PollWindow window = new PollWindow();
    private boolean asleep;
    private boolean enqueued;
    private boolean paused;
    private boolean broken;

    /** Guarded by this: what the slow lane has finished and the loop has not seen. */
    private @Nullable PendingRequest finished;

    /** Who is told what happens to the ring. */
    interface Listener {
        /** The driver wants to be interrupted. */
        void interrupt();

        /** Where writes into guest memory are to be marked now; null for nowhere. */
        @Nullable
        DirtyLog dirtyLog();

        /** No page of guest memory can be taken away. */
        boolean memoryIsSealed();

        /** Where the guest sees the used ring, for the dirty log; 0 when its writes are not marked. */
        long usedRingLogAddress();

        /** The driver broke the ring's rules; it is served no more. */
        void broken(String why);
    }

    QueueWorker(DeviceContext device, Virtqueue queue, Listener listener) {
        this.device = device;
        this.queue = queue;
        this.listener = listener;
    }

    /** The ring's state. */
    Virtqueue queue() {
        return queue;
    }

    /** The driver kicked, or may have: serve the ring soon. */
    void wake() {
        if (!enqueued && !paused && !broken) {
            enqueued = true;
            device.loop().enqueue(this);
        }
    }

    /** Takes no more chains and calls back, at once or later, when every chain taken has been given back. */
    void pause(Runnable idle) {
        paused = true;
        whenIdle.add(idle);
        reportIdle();
    }

    /** Goes on after {@link #pause}. */
    void resume() {
        paused = false;
        wake();
    }

    /** One turn. */
    void run() {
        enqueued = false;
        // Paused and idle, the ring's memory may be gone.
        if (broken || (paused && unfinished == null)) {
            return;
        }
        try {
            if (asleep) {
                asleep = false;
                window.awake(System.nanoTime());
            }
            boolean more = serve();
            publish();
            if (paused) {
                if (unfinished != null) {
                    again();
                }
                reportIdle();
            } else if (more || poll() || queue.enableKicks()) {
                again();
            } else {
                asleep = true;
                window.asleep(System.nanoTime());
            }
        } catch (VirtqueueException rule) {
            breakDown(String.valueOf(rule.getMessage()));
        } catch (InternalError lostMemory) {
            breakDown("guest memory was taken away while in use");
        }
    }

    /** The slow lane has carried a request out; for every thread. */
    void finished(PendingRequest request) {
        boolean first;
        synchronized (this) {
            first = finished == null;
            request.next = finished;
            finished = request;
        }
        if (first) {
            device.loop().execute(collect);
        }
    }

    /** Serves requests until the turn is over; true when there may be more. */
    private boolean serve() throws VirtqueueException {
        queue.disableKicks();
        for (int served = 1; served <= TURN_REQUESTS; served++) {
            PendingRequest request = unfinished;
            unfinished = null;
            if (request == null) {
                request = paused ? null : take();
                if (request == null) {
                    return false;
                }
            }
            if (queue.unpublished() >= EARLY_PUBLISH && request.request.isLong() && !queue.hasMoreThan(LAST_ONES)) {
                // The last ones there are: while they are carried out, the driver wakes up and refills the ring.
                publish();
            }
            Progress progress = step(request);
            switch (progress) {
                case DONE -> complete(request);
                case MORE -> {
                    unfinished = request;
                    return true;
                }
                case WOULD_BLOCK -> {
                    slow++;
                    device.slowLane().submit(device.slowClient(), request);
                }
            }
            if (served % PUBLISH_EVERY == 0) {
                publish();
            }
        }
        return true;
    }

    /** Looks for the driver's next request for a while; true when it has come. */
    private boolean poll() throws VirtqueueException {
        long nanos = window.nanos();
        if (nanos == 0 || !device.loop().isAlone(this)) {
            return false;
        }
        long start = System.nanoTime();
        do {
            for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
                if (queue.hasAvailable()) {
                    window.hit();
                    return true;
                }
                Thread.onSpinWait();
            }
        } while (System.nanoTime() - start < nanos);
        window.miss();
        return false;
    }

    private @Nullable PendingRequest take() throws VirtqueueException {
        PendingRequest request = device.loop().borrow();
        boolean taken = false;
        try {
            taken = queue.next(request.request.chain());
        } finally {
            if (!taken) {
                device.loop().giveBack(request);
            }
        }
        if (!taken) {
            return null;
        }
        request.owner = this;
        request.broken = false;
        request.request.begin();
        return request;
    }

    private Progress step(PendingRequest request) {
        boolean stepped = false;
        try {
            Progress progress =
                    request.request.step(device.served().device(), device.loop().context());
            stepped = true;
            return progress;
        } finally {
            if (!stepped) {
                device.loop().giveBack(request);
            }
        }
    }

    private void complete(PendingRequest request) {
        DirtyLog log = listener.dirtyLog();
        if (log != null) {
            request.request.chain().markWritten(log);
        }
        queue.complete(request.request.chain().head(), request.request.writtenBytes());
        device.loop().giveBack(request);
    }

    private void publish() {
        if (!listener.memoryIsSealed()) {
            // Whether memory was lost under the requests has to be known before the driver is told of them.
            Safepoint.pass();
        }
        boolean interrupt = queue.publish();
        DirtyLog log = listener.dirtyLog();
        if (log != null && listener.usedRingLogAddress() != 0) {
            // Marking it without need costs the migration one page.
            queue.markUsedRing(log, listener.usedRingLogAddress());
        }
        if (interrupt) {
            listener.interrupt();
        }
    }

    private void again() {
        if (!enqueued) {
            enqueued = true;
            device.loop().enqueue(this);
        }
    }

    /** Takes over what the slow lane has finished. */
    private void collect() {
        PendingRequest request;
        synchronized (this) {
            request = finished;
            finished = null;
        }
        try {
            while (request != null) {
                PendingRequest next = request.next;
                slow--;
                if (request.broken) {
                    breakDown("guest memory was taken away while in use");
                }
                if (broken) {
                    device.loop().giveBack(request);
                } else {
                    complete(request);
                }
                request = next;
            }
            if (!broken) {
                publish();
            }
        } catch (InternalError lostMemory) {
            breakDown("guest memory was taken away while in use");
        }
        reportIdle();
    }

    private void breakDown(String why) {
        if (broken) {
            return;
        }
        broken = true;
        if (unfinished != null) {
            device.loop().giveBack(unfinished);
            unfinished = null;
        }
        listener.broken(why);
        reportIdle();
    }

    private void reportIdle() {
        if (!paused || slow > 0 || unfinished != null) {
            return;
        }
        List<Runnable> idle = List.copyOf(whenIdle);
        whenIdle.clear();
        idle.forEach(Runnable::run);
    }
}
