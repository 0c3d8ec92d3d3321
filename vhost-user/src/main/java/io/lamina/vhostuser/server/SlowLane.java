package io.lamina.vhostuser.server;

import io.lamina.vhostuser.block.BlockDevice;
import io.lamina.vhostuser.block.BlockRequest;
import io.lamina.vhostuser.block.IoContext;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Threads for requests that wait for a disk. There are none while nothing waits; there are never more than the limit,
 * and never more than {@link #THREADS_PER_DEVICE} for one device, so that a disk that hangs holds up the devices on it
 * and leaves threads to all others.
 */
public final class SlowLane implements AutoCloseable {
    /** As many requests of one device wait at once. */
    static final int THREADS_PER_DEVICE = 8;

    private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final int maxThreads;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();

    /** Guarded by {@link #lock}: clients with a request to start and a thread to their credit. */
    private final ArrayDeque<Client> runnable = new ArrayDeque<>();

    /** Guarded by {@link #lock}. */
    private int threads;

    /** Guarded by {@link #lock}. */
    private int idle;

    /** Guarded by {@link #lock}. */
    private boolean closed;

    /** Makes a lane of at most this many threads. */
    public SlowLane(int maxThreads) {
        this.maxThreads = maxThreads;
    }

    /** The requests of one device, first come first served. All fields are guarded by the lane's lock. */
    static final class Client {
        private final BlockDevice device;
        private @Nullable PendingRequest first;
        private @Nullable PendingRequest last;
        private int active;
        private boolean listed;

        Client(BlockDevice device) {
            this.device = device;
        }
    }

    /** Carries the request out and hands it to its owner's {@link QueueWorker#finished}; for every thread. */
    void submit(Client client, PendingRequest request) {
        lock.lock();
        try {
            request.next = null;
            if (client.last == null) {
                client.first = request;
            } else {
                client.last.next = request;
            }
            client.last = request;
            offer(client);
        } finally {
            lock.unlock();
        }
    }

    /** Ends all threads as they become idle. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            work.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Lists the client when it has something to start; called with the lock held. */
    private void offer(Client client) {
        if (client.listed || client.first == null || client.active >= THREADS_PER_DEVICE) {
            return;
        }
        client.listed = true;
        runnable.add(client);
        if (idle >= runnable.size()) {
            work.signal();
        } else if (threads < maxThreads) {
            threads++;
            Thread.ofPlatform().daemon().name("slow-read-" + threads).start(this::serve);
        }
    }

    private void serve() {
        IoContext context = IoContext.create(true);
        for (Client client = next(); client != null; client = next()) {
            PendingRequest request = start(client);
            carryOut(request, client.device, context);
            finish(client);
        }
    }

    /** The client whose turn it is, or null when the thread is to end. */
    private @Nullable Client next() {
        lock.lock();
        try {
            idle++;
            long left = IDLE_NANOS;
            while (runnable.isEmpty() && !closed && left > 0) {
                left = work.awaitNanos(left);
            }
            idle--;
            Client client = runnable.poll();
            if (client == null) {
                threads--;
            }
            return client;
        } catch (InterruptedException stop) {
            idle--;
            threads--;
            return null;
        } finally {
            lock.unlock();
        }
    }

    private PendingRequest start(Client client) {
        lock.lock();
        try {
            PendingRequest request = client.first;
            if (request == null) {
                throw new IllegalStateException("a listed device without a request");
            }
            client.first = request.next;
            if (client.first == null) {
                client.last = null;
            }
            request.next = null;
            client.active++;
            client.listed = false;
            offer(client);
            return request;
        } finally {
            lock.unlock();
        }
    }

    private void finish(Client client) {
        lock.lock();
        try {
            client.active--;
            offer(client);
        } finally {
            lock.unlock();
        }
    }

    private static void carryOut(PendingRequest request, BlockDevice device, IoContext context) {
        QueueWorker owner = request.owner;
        if (owner == null) {
            throw new IllegalStateException("a slow request without an owner");
        }
        try {
            while (request.request.step(device, context) != BlockRequest.Progress.DONE) {
                // Each step moves a bounded number of bytes; this thread has nothing else to do.
            }
        } catch (RuntimeException | InternalError failure) {
            // An InternalError is what touching memory that its file has lost raises.
            request.broken = true;
        }
        owner.finished(request);
    }
}
