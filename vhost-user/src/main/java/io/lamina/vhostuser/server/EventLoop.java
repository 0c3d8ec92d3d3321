package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import io.lamina.vhostuser.block.IoContext;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A thread that waits for descriptors and serves rings in turn. What is not said to be for every thread is for this
 * one.
 */
public final class EventLoop implements AutoCloseable {
    /** Edge triggered: a kick needs no read of its counter, and a peer that hung up is reported once. */
    private static final EpollIoOps READABLE = EpollIoOps.EPOLLIN.with(EpollIoOps.EPOLLET);

    private static final int TURNS_ALONE = 16;

    private static final int A_YEAR_DAYS = 365;

    private final MultiThreadIoEventLoopGroup group;
    private final IoEventLoop loop;
    private final IoContext context = IoContext.create(false);
    private final ArrayDeque<QueueWorker> ready = new ArrayDeque<>();
    private final Runnable turn = this::runReady;
    private boolean turnScheduled;
    private @Nullable QueueWorker lastWorker;
    private int turnsInARow;
    private @Nullable PendingRequest free;

    /** Starts a thread with this name. */
    public EventLoop(String name) {
        Epoll.ensureAvailability();
        group = new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory(name, true), EpollIoHandler.newFactory());
        loop = group.next();
        // A loop with nothing scheduled wakes up each second to look for something; this one sleeps until it is wanted.
        var _ = loop.scheduleAtFixedRate(() -> {}, A_YEAR_DAYS, A_YEAR_DAYS, TimeUnit.DAYS);
    }

    /** Runs a task on the loop; for every thread. */
    public void execute(Runnable task) {
        loop.execute(task);
    }

    /** The current thread is the loop's. */
    public boolean isCurrent() {
        return loop.inEventLoop();
    }

    void executeLater(Runnable task, long delayMillis) {
        var _ = loop.schedule(task, delayMillis, TimeUnit.MILLISECONDS);
    }

    /** What the loop's own requests are carried out with: no call of it waits. */
    IoContext context() {
        return context;
    }

    /**
     * Calls back each time the descriptor becomes readable or its peer hangs up, until the watch is cancelled, which
     * must come before the descriptor is closed.
     *
     * @throws IOException when it is a descriptor that cannot be waited for
     */
    Watch watch(OwnedFd fd, Runnable onReadable) throws IOException {
        Future<IoRegistration> registered = loop.register(new Handle(new FileDescriptor(fd.number()), onReadable));
        if (!registered.isSuccess()) {
            throw new IOException("cannot wait for " + fd, registered.cause());
        }
        IoRegistration registration = registered.getNow();
        registration.submit(READABLE);
        return new Watch(registration);
    }

    /** A descriptor that the loop waits for. */
    record Watch(IoRegistration registration) {
        void cancel() {
            registration.cancel();
        }
    }

    /** Lets a ring have its turn after those that wait already. */
    void enqueue(QueueWorker worker) {
        ready.add(worker);
        if (!turnScheduled) {
            turnScheduled = true;
            loop.execute(turn);
        }
    }

    /** This ring has been the only one for some turns: while it is waited for, nobody else has to wait. */
    boolean isAlone(QueueWorker worker) {
        return lastWorker == worker && turnsInARow >= TURNS_ALONE && ready.isEmpty();
    }

    /** A request to be filled; there are as many as were ever under way at once. */
    PendingRequest borrow() {
        PendingRequest request = free;
        if (request == null) {
            return new PendingRequest();
        }
        free = request.next;
        request.next = null;
        return request;
    }

    void giveBack(PendingRequest request) {
        request.owner = null;
        request.request.chain().clear();
        request.next = free;
        free = request;
    }

    /** Ends the thread, without waiting for it; for every thread. */
    @Override
    public void close() {
        var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }

    /** One round: each ring that was ready at its start has one turn, then descriptors are looked at again. */
    private void runReady() {
        turnScheduled = false;
        for (int left = ready.size(); left > 0; left--) {
            QueueWorker worker = ready.remove();
            turnsInARow = worker == lastWorker ? turnsInARow + 1 : 0;
            lastWorker = worker;
            worker.run();
        }
    }

    private record Handle(FileDescriptor fd, Runnable onReadable) implements EpollIoHandle {
        @Override
        public void handle(IoRegistration registration, IoEvent event) {
            if (registration.isValid()) {
                onReadable.run();
            }
        }

        /** The descriptor is its owner's to close. */
        @Override
        public void close() {}
    }
}
