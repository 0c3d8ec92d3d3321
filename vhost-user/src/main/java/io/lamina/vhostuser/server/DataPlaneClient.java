package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.IoCounts;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The parent's side of a {@link DataPlane}: hands over files and sockets and waits for each answer. For every thread.
 * The data plane ends when this object is closed or the parent's process ends.
 */
public final class DataPlaneClient implements AutoCloseable {
    private final ControlSocket control;
    private final Listener listener;
    private final Map<Integer, CompletableFuture<ControlRecord>> waiting = new ConcurrentHashMap<>();
    private final AtomicInteger nextTag = new AtomicInteger(1);
    private final AtomicInteger nextId = new AtomicInteger(1);
    private final Thread reader;
    private volatile boolean gone;

    /** What the data plane tells unasked; called in the client's own thread, one call at a time. */
    public interface Listener {
        /** A front-end is being served. */
        void connected(int deviceId, UnixSocket.PeerCredentials peer);

        /** A front-end is served no more. */
        void ended(int deviceId, String why);

        /**
         * A device that is checked while it is read has a block that is not the one that its hash proves; the guest got an
         * I/O error.
         *
         * @param startBytes where the block starts on the device
         * @param count failed reads of this device so far: not each is told
         */
        default void wrongBlock(int deviceId, long startBytes, long count) {
            System.getLogger(DataPlaneClient.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "device {0}: a wrong block at byte {1}, {2} failed reads so far",
                            deviceId,
                            startBytes,
                            count);
        }

        /** The data plane itself is gone, although nobody asked it to stop. */
        void lost();
    }

    /** Talks to the data plane at the other end of a connected, blocking socket, which is taken over. */
    public DataPlaneClient(OwnedFd control, Listener listener) {
        this.control = new ControlSocket(control);
        this.listener = listener;
        this.reader = Thread.ofPlatform().daemon().name("data-plane-answers").start(this::listen);
    }

    /**
     * A data plane inside this process, for tests and for tools that serve one device: the same classes over the same
     * socket, without the isolation.
     */
    public static DataPlaneClient inProcess(int eventLoops, Listener listener) throws SystemCallException {
        UnixSocket.Pair pair = UnixSocket.pair();
        Thread.ofPlatform().daemon().name("data-plane").start(() -> {
            try {
                new DataPlane(pair.second(), eventLoops).run();
            } catch (IOException failure) {
                System.getLogger(DataPlane.class.getName())
                        .log(System.Logger.Level.ERROR, "the data plane has ended", failure);
            }
        });
        return new DataPlaneClient(pair.first(), listener);
    }

    /** Hands over a file to be read, which stays the caller's; answers the id for {@link DeviceSpec.Run}. */
    public int addFile(OwnedFd file) throws IOException {
        int id = nextId.getAndIncrement();
        command(new ControlRecord.AddFile(id), List.of(file));
        return id;
    }

    /** Takes a file back; devices that use it go on using it. */
    public void dropFile(int fileId) throws IOException {
        command(new ControlRecord.DropFile(fileId), List.of());
    }

    /**
     * Serves a device to whoever connects, one front-end after another.
     *
     * @param listening stays the caller's, and should be closed by it: the data plane has its own
     * @param peerUid the only user id that may connect, or {@link ServedDevice#ANY_UID}
     * @return the id for {@link #remove}
     */
    public int serve(DeviceSpec device, OwnedFd listening, int peerUid) throws IOException {
        int id = nextId.getAndIncrement();
        command(new ControlRecord.Serve(id, true, peerUid, device), List.of(listening));
        return id;
    }

    /** Serves a device to the peer of a connected socket, which stays the caller's as in {@link #serve}. */
    public int serveConnected(DeviceSpec device, OwnedFd connected) throws IOException {
        int id = nextId.getAndIncrement();
        command(new ControlRecord.Serve(id, false, ServedDevice.ANY_UID, device), List.of(connected));
        return id;
    }

    /** Stops serving a device, after the requests under way; the socket's path stays, and is its owner's to remove. */
    public void remove(int deviceId) throws IOException {
        command(new ControlRecord.Remove(deviceId), List.of());
    }

    /** What has been done on all devices of the data plane, since it began. */
    public IoCounts.Sums counts() throws IOException {
        if (ask(new ControlRecord.Count(), List.of()) instanceof ControlRecord.Counted(IoCounts.Sums sums)) {
            return sums;
        }
        throw new IOException("the data plane does not count");
    }

    /** Stops all devices after their requests under way, and ends the data plane. */
    public void stop() throws IOException {
        gone = true;
        command(new ControlRecord.Stop(), List.of());
    }

    /** Ends the data plane at once by closing its control socket. */
    @Override
    public void close() {
        gone = true;
        try {
            UnixSocket.shutDown(control.fd());
            reader.join();
        } catch (IOException notConnected) {
            // The peer has gone before: the reader ends by itself.
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
        control.close();
    }

    private void command(ControlRecord command, List<OwnedFd> fds) throws IOException {
        ControlRecord _ = ask(command, fds);
    }

    private ControlRecord ask(ControlRecord command, List<OwnedFd> fds) throws IOException {
        int tag = nextTag.getAndIncrement();
        CompletableFuture<ControlRecord> answer = new CompletableFuture<>();
        waiting.put(tag, answer);
        try {
            control.send(tag, command, fds);
            ControlRecord told = answer.get();
            if (told instanceof ControlRecord.Failed(String why)) {
                throw new IOException("the data plane refuses: " + why);
            }
            return told;
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("while waiting for the data plane");
        } catch (ExecutionException lost) {
            throw new IOException("the data plane is gone", lost.getCause());
        } finally {
            waiting.remove(tag);
        }
    }

    private void listen() {
        IOException cause = new IOException("the data plane has closed its control socket");
        try {
            while (true) {
                ControlSocket.Received received = control.receive();
                if (received == null) {
                    break;
                }
                try (received) {
                    take(received);
                }
            }
        } catch (IOException failure) {
            cause = failure;
        }
        boolean expected = gone;
        gone = true;
        for (CompletableFuture<ControlRecord> answer : waiting.values()) {
            answer.completeExceptionally(cause);
        }
        if (!expected) {
            listener.lost();
        }
    }

    private void take(ControlSocket.Received received) {
        switch (received.record()) {
            case ControlRecord.Connected(int deviceId, UnixSocket.PeerCredentials peer) ->
                listener.connected(deviceId, peer);
            case ControlRecord.Ended(int deviceId, String why) -> listener.ended(deviceId, why);
            case ControlRecord.Wrong(int deviceId, long startBytes, long count) ->
                listener.wrongBlock(deviceId, startBytes, count);
            case ControlRecord answer -> {
                CompletableFuture<ControlRecord> asked = waiting.get(received.tag());
                if (asked != null) {
                    asked.complete(answer);
                }
            }
        }
    }
}
