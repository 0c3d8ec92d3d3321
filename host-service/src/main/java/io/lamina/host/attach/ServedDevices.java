package io.lamina.host.attach;

import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.store.AttachmentStore.Attachment;
import io.lamina.host.store.RefusedException;
import io.lamina.host.store.Snapshot;
import io.lamina.host.store.Store;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.IoCounts;
import io.lamina.vhostuser.server.DataPlaneClient;
import io.lamina.vhostuser.server.DeviceSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The devices that this daemon serves to machines, by one data-plane process, on sockets of its own:
 *
 * <pre>
 * sockets/N.image     the image of attachment N, read-only
 * sockets/N.scratch   what its container may write
 * </pre>
 *
 * <p>The next daemon serves the same devices on the same sockets. A machine that reconnects, as QEMU does with
 * {@code reconnect-ms}, finds its requests under way carried out again. Any thread may call.
 */
public final class ServedDevices implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServedDevices.class);
    private static final int SECTOR_BYTES = 512;
    private static final int QUEUES = 1;

    private final Store store;
    private final StoredDevices devices;
    private final ReadCheck check;
    private final LongAdder wrongReads = new LongAdder();
    private final Path sockets;
    private final Map<Long, Served> served = new HashMap<>(); // guarded by this
    private @Nullable DataPlaneProcess plane; // guarded by this
    private boolean closed; // guarded by this

    /** A device on its socket. */
    private record Listening(int device, SocketPath socket, Path path) {}

    private record Served(ServedAttachment attachment, List<Listening> listening) {}

    /** @param check whether images are checked while machines read them */
    public ServedDevices(Store store, StoredDevices devices, ReadCheck check) {
        this.store = store;
        this.devices = devices;
        this.check = check;
        this.sockets = store.root().sockets();
    }

    /** How many devices are served. */
    public synchronized int count() {
        return served.values().stream().mapToInt(one -> one.listening.size()).sum();
    }

    /** What machines have read and written; begins anew with each data plane. */
    public IoCounts.Sums counts() throws IOException {
        DataPlaneProcess running;
        synchronized (this) {
            running = plane;
        }
        return running == null ? IoCounts.Sums.NONE : running.counts();
    }

    /** Reads of blocks that were not what their hashes say: each was an I/O error of a machine. */
    public long wrongReads() {
        return wrongReads.sum();
    }

    /** Serves again what a daemon before has served, and takes sockets away that belong to nothing. */
    public synchronized void recover(List<Attachment> attachments) throws IOException {
        Set<String> wanted = attachments.stream()
                .filter(Attachment::served)
                .flatMap(one -> List.of(image(one), scratch(one)).stream())
                .map(path -> String.valueOf(path.getFileName()))
                .collect(Collectors.toSet());
        try (var entries = Files.list(sockets)) {
            for (Path entry : entries.toList()) {
                if (!wanted.contains(String.valueOf(entry.getFileName()))) {
                    Files.delete(entry);
                }
            }
        }
        for (Attachment attachment : attachments) {
            if (attachment.served()) {
                try {
                    var _ = serve(attachment);
                } catch (IOException failure) {
                    LOG.atError()
                            .setCause(failure)
                            .addKeyValue("attachment", attachment.id())
                            .log("a device cannot be served again; its machine waits");
                }
            }
        }
    }

    /**
     * Serves the devices of an attachment; one that is served already is told again.
     *
     * @throws RefusedException if its snapshot lies on no image and has no size to write in
     */
    public synchronized ServedAttachment serve(Attachment attachment) throws IOException {
        Served known = served.get(attachment.id());
        if (known != null) {
            return known.attachment;
        }
        Snapshot snapshot = store.snapshots()
                .find(attachment.snapshot())
                .orElseThrow(() -> new RefusedException(
                        RefusedException.Reason.NOT_FOUND, "snapshot " + attachment.snapshot() + " does not exist"));
        List<Listening> listening = new ArrayList<>();
        try {
            Optional<FlattenedDevice> device = Optional.empty();
            if (snapshot.content().fsmeta().isPresent()) {
                device = Optional.of(devices.device(
                        store.fsmetas().get(snapshot.content().fsmeta().getAsLong())));
                FlattenedDevice whole = device.get();
                listening.add(listen(image(attachment), plane -> plane.describe(whole, check, QUEUES, false)));
            }
            boolean writable = snapshot.kind() == Snapshot.Kind.ACTIVE
                    && snapshot.content().scratchBytes() > 0;
            if (writable) {
                listening.add(serveScratch(attachment, snapshot));
            }
            if (listening.isEmpty()) {
                throw new RefusedException(
                        RefusedException.Reason.FAILED_PRECONDITION,
                        "snapshot " + snapshot.key()
                                + " lies on no image and has no size to write in: nothing to serve");
            }
            ServedAttachment result = new ServedAttachment(
                    attachment,
                    device,
                    device.map(_ -> image(attachment)),
                    writable ? Optional.of(scratch(attachment)) : Optional.empty());
            served.put(attachment.id(), new Served(result, listening));
            return result;
        } catch (IOException | RuntimeException failure) {
            stop(listening);
            throw failure;
        }
    }

    private Listening serveScratch(Attachment attachment, Snapshot snapshot) throws IOException {
        // A device has whole sectors, and no byte less than was asked for.
        long sizeBytes = (snapshot.content().scratchBytes() + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
        try (OwnedFd file = ScratchFile.open(store.snapshots().directories().scratch(snapshot.id()), sizeBytes)) {
            DeviceDescription device = new DeviceDescription(sizeBytes, SECTOR_BYTES, false, "lamina-scratch");
            return listen(scratch(attachment), plane -> plane.describe(file, device, QUEUES, false));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
    }

    /** Tells the data plane what a device is. */
    @FunctionalInterface
    private interface Handover {
        DeviceSpec to(DataPlaneProcess plane) throws IOException;
    }

    private Listening listen(Path path, Handover handover) throws IOException {
        DataPlaneProcess running = plane();
        SocketPath socket = SocketPath.listen(path);
        try {
            return new Listening(running.listenAlone(handover.to(running), socket.listening()), socket, path);
        } catch (IOException | RuntimeException failure) {
            close(socket, path);
            throw failure;
        }
    }

    private DataPlaneProcess plane() throws IOException {
        DataPlaneProcess running = plane;
        if (running == null) {
            running = DataPlaneProcess.start(new Watch());
            plane = running;
        }
        return running;
    }

    /** Stops serving an attachment's devices; one that is not served is no error. */
    public synchronized void end(long attachment) throws IOException {
        Served ended = served.remove(attachment);
        if (ended != null) {
            stop(ended.listening);
        }
    }

    private void stop(List<Listening> listening) throws IOException {
        for (Listening one : listening) {
            if (plane != null) {
                plane.remove(one.device);
            }
            close(one.socket, one.path);
        }
    }

    /** The lock beside a socket goes too: whoever could take it has the store's lock first. */
    private static void close(SocketPath socket, Path path) throws IOException {
        socket.close();
        Files.deleteIfExists(path.resolveSibling(path.getFileName() + ".lock"));
    }

    private Path image(Attachment attachment) {
        return sockets.resolve(attachment.id() + ".image");
    }

    private Path scratch(Attachment attachment) {
        return sockets.resolve(attachment.id() + ".scratch");
    }

    private synchronized void serveAgain() {
        if (closed) {
            return;
        }
        LOG.error("the data plane has ended; its devices are served by another one");
        List<Served> lost = List.copyOf(served.values());
        served.clear();
        plane = null;
        for (Served one : lost) {
            try {
                stop(one.listening);
                var _ = serve(one.attachment.attachment());
            } catch (IOException failure) {
                LOG.atError()
                        .setCause(failure)
                        .addKeyValue("attachment", one.attachment.attachment().id())
                        .log("a device cannot be served again; its machine waits");
            }
        }
    }

    /** Ends the data plane. Sockets and machines stay, for the next daemon. */
    @Override
    public synchronized void close() throws IOException {
        closed = true;
        DataPlaneProcess running = plane;
        if (running != null) {
            running.stop();
            running.close();
        }
    }

    private final class Watch implements DataPlaneClient.Listener {
        private final Map<Integer, Long> wrong = new HashMap<>(); // of the one thread that calls

        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {
            LOG.atInfo()
                    .addKeyValue("device", deviceId)
                    .addKeyValue("pid", peer.pid())
                    .log("a machine has connected");
        }

        @Override
        public void ended(int deviceId, String why) {
            LOG.atInfo().addKeyValue("device", deviceId).log("a machine has left: {}", why);
        }

        @Override
        public void wrongBlock(int deviceId, long startBytes, long count) {
            // Not each is told, so what is new is the difference to what the same device had before.
            Long before = wrong.put(deviceId, count);
            wrongReads.add(before == null ? count : count - before);
            LOG.atError().addKeyValue("device", deviceId).log(ReadCheck.told(startBytes, count));
        }

        @Override
        public void lost() {
            Thread _ = Thread.ofVirtual().name("serve-again").start(ServedDevices.this::serveAgain);
        }
    }
}
