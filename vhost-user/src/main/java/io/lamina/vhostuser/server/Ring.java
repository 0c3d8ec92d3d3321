package io.lamina.vhostuser.server;

import io.lamina.linux.EventFd;
import io.lamina.linux.FdStatus;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import io.lamina.vhostuser.memory.DirtyLog;
import io.lamina.vhostuser.protocol.Request.VringAddresses;
import io.lamina.vhostuser.protocol.VhostUserException;
import io.lamina.vhostuser.virtqueue.PackedVirtqueue;
import io.lamina.vhostuser.virtqueue.SplitVirtqueue;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import io.lamina.vhostuser.virtqueue.Virtqueue;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What a front-end has said about one ring, in any order, and the worker that serves it while it is in operation:
 * section "Ring states" of vhost-user.rst. The ring starts when size, addresses, kick and memory are known, and stops with
 * {@code GET_VRING_BASE}; while it is started and not enabled its worker is paused.
 */
final class Ring implements QueueWorker.Listener {
    private static final System.Logger LOG = System.getLogger(Ring.class.getName());

    /** A split ring's base is an available index alone. */
    private static final int MAX_SPLIT_BASE = 0xffff;

    private final DeviceContext device;
    private final GuestView guest;
    private final int index;

    private int size;
    private Virtqueue.Base base = new Virtqueue.Base.FromUsedRing();
    private @Nullable VringAddresses addresses;
    private @Nullable OwnedFd kick;
    private @Nullable OwnedFd call;
    private @Nullable OwnedFd err;
    private EventLoop.@Nullable Watch kickWatch;
    private boolean enabled;
    private @Nullable QueueWorker worker;

    Ring(DeviceContext device, GuestView guest, int index) {
        this.device = device;
        this.guest = guest;
        this.index = index;
    }

    void setSize(long num) throws VhostUserException {
        if (!Virtqueue.isLegalSize(num)) {
            throw new VhostUserException("SET_VRING_NUM: ring " + index + " of " + num
                    + " descriptors; a power of two up to " + Virtqueue.MAX_SIZE + " is accepted");
        }
        refuseWhileRunning("SET_VRING_NUM");
        size = (int) num;
    }

    void setBase(long num) throws VhostUserException {
        if (num > MAX_SPLIT_BASE && !isPacked()) {
            throw new VhostUserException("SET_VRING_BASE: ring " + index + " has base " + num + ", above 65535");
        }
        refuseWhileRunning("SET_VRING_BASE");
        base = new Virtqueue.Base.Given((int) num);
    }

    void setAddresses(VringAddresses given) throws VhostUserException {
        if (worker != null) {
            // The same ring again, with dirty logging switched on or off.
            VringAddresses present = addresses;
            if (present == null
                    || present.descriptor() != given.descriptor()
                    || present.used() != given.used()
                    || present.available() != given.available()) {
                throw new VhostUserException("SET_VRING_ADDR: ring " + index + " is in operation");
            }
        }
        addresses = given;
    }

    /** Takes over the descriptor by which the driver wakes the device. */
    void setKick(OwnedFd fd) throws IOException {
        closeUnless(isSignal(fd), fd, "SET_VRING_KICK");
        closeKick();
        kick = fd;
        QueueWorker running = worker;
        if (running != null) {
            watchKick(running);
            running.wake();
        }
    }

    /** Takes over the descriptor by which the device wakes the driver; null when the driver polls. */
    void setCall(@Nullable OwnedFd fd) throws IOException {
        call = exchange(call, fd, "SET_VRING_CALL");
        if (worker != null) {
            // The descriptor before it may have been told of what its reader has not heard.
            interrupt();
        }
    }

    /** Takes over the descriptor by which the device says that the ring is broken; null when nobody listens. */
    void setErr(@Nullable OwnedFd fd) throws IOException {
        err = exchange(err, fd, "SET_VRING_ERR");
    }

    /** Checks the new descriptor of the two that the device writes to, and closes the one before it. */
    private @Nullable OwnedFd exchange(@Nullable OwnedFd before, @Nullable OwnedFd fd, String request)
            throws IOException {
        if (fd != null) {
            closeUnless(isSignal(fd), fd, request);
            fd.setNonBlocking();
        }
        if (before != null) {
            before.close();
        }
        return fd;
    }

    void setEnabled(boolean enable) {
        enabled = enable;
        QueueWorker running = worker;
        if (running != null) {
            if (enable) {
                running.resume();
            } else {
                running.pause(() -> {});
            }
        }
    }

    /**
     * Puts the ring into operation when everything is there.
     *
     * @throws VhostUserException when everything is there and something of it is wrong
     */
    void startIfReady() throws IOException {
        VringAddresses where = addresses;
        if (worker != null
                || size == 0
                || where == null
                || kick == null
                || guest.memory().isEmpty()) {
            return;
        }
        refuseVirtualIommu(where);
        QueueWorker started = new QueueWorker(device, isPacked() ? packed(where) : split(where), this);
        watchKick(started);
        worker = started;
        // The server before this one may have died between publishing and interrupting: the driver would sleep for ever
        // if this was all that it waits for. A driver that waits for nothing looks at its ring in vain, once.
        interrupt();
        if (enabled) {
            // Requests may be waiting that nobody will kick for again.
            started.wake();
        } else {
            started.pause(() -> {});
        }
    }

    /** With a virtual IOMMU, QEMU names addresses that are the guest's, and says what they mean by IOTLB messages. */
    private void refuseVirtualIommu(VringAddresses where) throws VhostUserException {
        if ((guest.features() & VirtioFeatures.ACCESS_PLATFORM) != 0
                && !guest.memory().holdsUserAddress(where.descriptor())) {
            throw new VhostUserException("ring " + index + " at 0x" + Long.toHexString(where.descriptor())
                    + " is not in the front-end's memory; a guest behind a virtual IOMMU is not served");
        }
    }

    private boolean isPacked() {
        return (guest.features() & VirtioFeatures.RING_PACKED) != 0;
    }

    private Virtqueue split(VringAddresses where) throws VhostUserException {
        SplitVirtqueue queue = new SplitVirtqueue(guest.memory(), size, where, base, guest.features());
        InflightRegion inflight = guest.inflight();
        if (inflight != null) {
            queue.keep(inflight.log(index, size));
        }
        return queue;
    }

    private Virtqueue packed(VringAddresses where) throws VhostUserException {
        PackedVirtqueue queue = new PackedVirtqueue(guest.memory(), size, where, base, guest.features());
        InflightRegion inflight = guest.inflight();
        if (inflight != null) {
            queue.keep(inflight.packedLog(index, size));
        }
        return queue;
    }

    /** Stops serving for a while, and calls back when no chain is under way. */
    void quiesce(Runnable idle) {
        QueueWorker running = worker;
        if (running == null) {
            idle.run();
        } else {
            running.pause(idle);
        }
    }

    /** After {@link #quiesce}: goes on in changed memory, or waits for new addresses when its own have gone. */
    void restart() throws IOException {
        if (worker == null) {
            return;
        }
        detach();
        try {
            startIfReady();
        } catch (VhostUserException gone) {
            addresses = null;
        }
    }

    /** After {@link #quiesce}: takes the ring out of operation, where it can go on later in other memory. */
    void detach() {
        QueueWorker running = worker;
        if (running != null) {
            // It may still stand in line for a turn, and must not take it.
            running.pause(() -> {});
            base = new Virtqueue.Base.Given(running.queue().base());
            worker = null;
            cancelWatch();
        }
    }

    /** After {@link #quiesce}: {@code GET_VRING_BASE}. Answers where another back-end goes on. */
    int stop() {
        detach();
        int next = base instanceof Virtqueue.Base.Given(int given) ? given : 0;
        closeFds();
        return next;
    }

    /** After {@link #quiesce}: back to how a connection starts. */
    void reset() {
        stop();
        base = new Virtqueue.Base.FromUsedRing();
        size = 0;
        addresses = null;
        enabled = false;
    }

    @Override
    public void interrupt() {
        OwnedFd fd = call;
        if (fd != null) {
            EventFd.signal(fd);
        }
    }

    @Override
    public @Nullable DirtyLog dirtyLog() {
        return guest.dirtyLog();
    }

    @Override
    public boolean memoryIsSealed() {
        return guest.memory().isSealed();
    }

    @Override
    public long usedRingLogAddress() {
        VringAddresses where = addresses;
        return where != null && where.logged() ? where.log() : 0;
    }

    @Override
    public void broken(String why) {
        LOG.log(System.Logger.Level.WARNING, "ring {0} is broken: {1}", index, why);
        OwnedFd fd = err;
        if (fd != null) {
            EventFd.signal(fd);
        }
    }

    private void watchKick(QueueWorker running) throws IOException {
        OwnedFd fd = kick;
        if (fd != null) {
            kickWatch = device.loop().watch(fd, running::wake);
        }
    }

    private void closeFds() {
        closeKick();
        if (call != null) {
            call.close();
            call = null;
        }
        if (err != null) {
            err.close();
            err = null;
        }
    }

    private void closeKick() {
        cancelWatch();
        if (kick != null) {
            kick.close();
            kick = null;
        }
    }

    private void cancelWatch() {
        if (kickWatch != null) {
            kickWatch.cancel();
            kickWatch = null;
        }
    }

    private void refuseWhileRunning(String request) throws VhostUserException {
        if (worker != null) {
            throw new VhostUserException(request + ": ring " + index + " is in operation");
        }
    }

    /** An eventfd or a pipe: what can be waited for and written without waiting. */
    private static boolean isSignal(OwnedFd fd) throws SystemCallException {
        FdStatus status = FdStatus.of(fd);
        return status.isAnonymousInode() || status.isPipe();
    }

    private void closeUnless(boolean good, OwnedFd fd, String request) throws VhostUserException {
        if (!good) {
            fd.close();
            throw new VhostUserException(request + ": the descriptor for ring " + index + " is no eventfd");
        }
    }
}
