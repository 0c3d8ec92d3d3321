package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import io.lamina.linux.SystemCallException;
import io.lamina.linux.UnixSocket;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Serves one device to one front-end at a time: on a listening socket to one after another, on a connected one to its
 * peer only. A front-end that connects while another one is served is turned away.
 */
public final class DeviceServer {
    private static final System.Logger LOG = System.getLogger(DeviceServer.class.getName());

    private static final long ACCEPT_AGAIN_MILLIS = 100;

    /** Connections of one turn, so that who does nothing but connect does not keep other devices waiting. */
    private static final int TURN_CONNECTIONS = 16;

    private final DeviceContext device;
    private final Events events;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private @Nullable OwnedFd listening;
    private EventLoop.@Nullable Watch watch;
    private @Nullable Session session;
    private boolean closing;

    /** What happens to connections; called on the event loop, which it must not hold up. */
    public interface Events {
        /** A front-end is being served. */
        void connected(UnixSocket.PeerCredentials peer);

        /** It no longer is, and everything it held has been given up. */
        void ended(String why);
    }

    private DeviceServer(ServedDevice served, EventLoop loop, SlowLane slowLane, Events events) {
        this.device = DeviceContext.of(served, loop, slowLane);
        this.events = events;
    }

    /** Serves whoever connects; takes over the socket, which must not block, and the device. */
    public static DeviceServer listen(
            ServedDevice served, OwnedFd listening, EventLoop loop, SlowLane slowLane, Events events) {
        DeviceServer server = new DeviceServer(served, loop, slowLane, events);
        server.listening = listening;
        loop.execute(server::startListening);
        return server;
    }

    /** Serves the peer of a connected socket; takes over the socket and the device. */
    public static DeviceServer serve(
            ServedDevice served, OwnedFd connected, EventLoop loop, SlowLane slowLane, Events events)
            throws SystemCallException {
        connected.setNonBlocking();
        DeviceServer server = new DeviceServer(served, loop, slowLane, events);
        loop.execute(() -> server.open(connected));
        return server;
    }

    /** Stops serving: requests under way are finished and published, then socket and device are closed. For every thread. */
    public CompletableFuture<Void> close() {
        device.loop().execute(this::startClosing);
        return closed;
    }

    private void startClosing() {
        if (closing) {
            return;
        }
        closing = true;
        if (watch != null) {
            watch.cancel();
        }
        if (listening != null) {
            listening.close();
        }
        if (session == null) {
            finishClosing();
        } else {
            session.end("the device is served no more");
        }
    }

    private void finishClosing() {
        device.served().device().close();
        closed.complete(null);
    }

    private void startListening() {
        OwnedFd socket = listening;
        if (socket == null || closing) {
            return;
        }
        try {
            watch = device.loop().watch(socket, this::accept);
            accept();
        } catch (IOException failure) {
            LOG.log(System.Logger.Level.ERROR, "cannot listen", failure);
            events.ended(String.valueOf(failure.getMessage()));
        }
    }

    private void accept() {
        OwnedFd socket = listening;
        if (socket == null || closing) {
            return;
        }
        try {
            for (int left = TURN_CONNECTIONS; ; left--) {
                if (left == 0) {
                    device.loop().execute(this::accept);
                    return;
                }
                if (session != null) {
                    // What it has sent decides whether it is still there.
                    session.receive();
                }
                if (session != null && session.isEnding()) {
                    // The next one is accepted when this one has given everything up.
                    return;
                }
                OwnedFd connected = UnixSocket.accept(socket);
                if (connected == null) {
                    return;
                }
                if (session != null) {
                    connected.close();
                } else {
                    open(connected);
                }
            }
        } catch (SystemCallException failure) {
            // Too many open files, most likely; edges are reported once, so look again.
            LOG.log(System.Logger.Level.WARNING, "cannot accept: {0}", failure.getMessage());
            device.loop().executeLater(this::accept, ACCEPT_AGAIN_MILLIS);
        }
    }

    private void open(OwnedFd connected) {
        if (closing) {
            connected.close();
            return;
        }
        try {
            UnixSocket.PeerCredentials peer = UnixSocket.peerCredentials(connected);
            int wanted = device.served().peerUid();
            if (wanted != ServedDevice.ANY_UID && wanted != peer.uid()) {
                LOG.log(System.Logger.Level.WARNING, "user {0} may not connect", peer.uid());
                connected.close();
                return;
            }
            Session opened = new Session(device, connected, this::sessionEnded);
            session = opened;
            events.connected(peer);
            opened.start();
        } catch (SystemCallException failure) {
            LOG.log(System.Logger.Level.WARNING, "cannot serve: {0}", failure.getMessage());
            connected.close();
        }
    }

    private void sessionEnded(String why) {
        session = null;
        events.ended(why);
        if (closing) {
            finishClosing();
        } else {
            // Not from here: a connection can end while it is opened, and thousands would be a stack of thousands.
            device.loop().execute(this::accept);
        }
    }
}
