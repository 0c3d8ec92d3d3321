package io.lamina.vhostuser.server;

import io.lamina.linux.OwnedFd;
import io.lamina.linux.ProcessRights;
import io.lamina.linux.UnixSocket.PeerCredentials;
import io.lamina.vhostuser.block.BlockDevice;
import io.lamina.vhostuser.block.Extent;
import io.lamina.vhostuser.block.ExtentDevice;
import io.lamina.vhostuser.block.IoCounts;
import io.lamina.vhostuser.block.ScratchDevice;
import io.lamina.vhostuser.block.VerifiedDevice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * The process that serves devices. It is told what to serve on one inherited socket, gets every file and socket as a
 * descriptor, and opens no path. The end of that socket is the end of the process: whoever started it is gone.
 */
public final class DataPlane {
    /**
     * How a JVM that runs this class is to be started. The heap holds no data, only the state of devices; with the
     * serial collector there is no thread of the collector and a collection, which steady I/O never causes, takes about
     * a millisecond.
     */
    public static final List<String> JVM_FLAGS = List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-Xms32m",
            "-Xmx128m",
            "-XX:MaxDirectMemorySize=16m",
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            "-Dio.netty.noPreferDirect=true",
            "-Dio.netty.allocator.type=unpooled");

    /** The option of {@link #main} that names the inherited socket. */
    public static final String CONTROL_OPTION = "--control-fd";

    private static final System.Logger LOG = System.getLogger(DataPlane.class.getName());

    private static final int SLOW_THREADS = 64;

    /** The parent has broken the contract of the control socket. */
    private static final int EXIT_PROTOCOL = 2;

    private final ControlSocket control;
    private final SlowLane slowLane = new SlowLane(SLOW_THREADS);
    private final List<EventLoop> loops = new ArrayList<>();
    private final IoCounts counts = new IoCounts();
    private final Map<Integer, SharedFile> files = new HashMap<>();
    private final Map<Integer, DeviceServer> devices = new HashMap<>();
    private int nextLoop;

    /**
     * @param control the connected, blocking socket of the parent, taken over
     * @param eventLoops how many threads serve devices
     */
    public DataPlane(OwnedFd control, int eventLoops) {
        this.control = new ControlSocket(control);
        for (int i = 0; i < eventLoops; i++) {
            loops.add(new EventLoop("data-plane-" + i));
        }
    }

    /** Runs a data plane as a process of its own: {@code --control-fd N}. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2 || !arguments[0].equals(CONTROL_OPTION)) {
            System.err.println("usage: DataPlane " + CONTROL_OPTION + " N");
            System.exit(EXIT_PROTOCOL);
        }
        OwnedFd control = new OwnedFd(Integer.parseInt(arguments[1]));
        control.setCloseOnExec(true);
        // The machines that are served need processors, too; and two loops that share one of two with a busy machine
        // would get a quarter and a half of it.
        int loops = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        int status = 0;
        try {
            DataPlane dataPlane = new DataPlane(control, loops);
            openClassPath();
            endWithParent();
            var _ = ProcessRights.giveUpRoot();
            dataPlane.run();
        } catch (IOException failure) {
            System.err.println("data plane: " + failure.getMessage());
            status = EXIT_PROTOCOL;
        }
        // A request that hangs in a slow thread must not keep the process.
        Runtime.getRuntime().halt(status);
    }

    /**
     * A signal to a whole group of processes reaches this one too, and must not cut off the requests under way: the end
     * waits for the main thread, which the parent ends.
     */
    private static void endWithParent() {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
            try {
                main.join();
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    /**
     * Opens what classes are loaded from: without root's rights it may be out of reach. Looking for what is nowhere
     * opens every archive.
     */
    private static void openClassPath() throws IOException {
        var _ = DataPlane.class.getClassLoader().getResources("none").hasMoreElements();
    }

    /** Carries out commands until the parent says stop or is gone; then everything is given up. */
    public void run() throws IOException {
        boolean running = true;
        try {
            while (running) {
                ControlSocket.Received received = control.receive();
                if (received == null) {
                    return;
                }
                try (received) {
                    running = carryOut(received);
                }
            }
        } finally {
            shutDown();
        }
    }

    /** Answers a command; false when it was the last one. */
    private boolean carryOut(ControlSocket.Received received) throws IOException {
        int tag = received.tag();
        try {
            switch (received.record()) {
                case ControlRecord.AddFile(int fileId) -> addFile(fileId, received);
                case ControlRecord.DropFile(int fileId) -> dropFile(fileId);
                case ControlRecord.Serve serve -> serve(serve, received);
                case ControlRecord.Remove(int deviceId) -> {
                    var _ = remove(deviceId).thenRun(() -> tell(tag, new ControlRecord.Ok()));
                    return true;
                }
                case ControlRecord.Count _ -> {
                    control.send(tag, new ControlRecord.Counted(counts.sums()), List.of());
                    return true;
                }
                case ControlRecord.Stop _ -> {
                    stopAll();
                    control.send(tag, new ControlRecord.Ok(), List.of());
                    return false;
                }
                default -> throw new IllegalArgumentException("no command: " + received.record());
            }
            control.send(tag, new ControlRecord.Ok(), List.of());
        } catch (IllegalArgumentException | IOException refused) {
            control.send(tag, new ControlRecord.Failed(String.valueOf(refused.getMessage())), List.of());
        }
        return true;
    }

    private void addFile(int fileId, ControlSocket.Received received) throws IOException {
        if (files.containsKey(fileId)) {
            throw new IllegalArgumentException("file " + fileId + " is there already");
        }
        files.put(fileId, new SharedFile(received.fds().take(0)));
    }

    private void dropFile(int fileId) {
        SharedFile file = files.remove(fileId);
        if (file == null) {
            throw new IllegalArgumentException("there is no file " + fileId);
        }
        file.release();
    }

    private void serve(ControlRecord.Serve serve, ControlSocket.Received received) throws IOException {
        int id = serve.deviceId();
        if (devices.containsKey(id)) {
            throw new IllegalArgumentException("device " + id + " is served already");
        }
        OwnedFd socket = received.fds().take(0);
        BlockDevice device = null;
        boolean served = false;
        try {
            device = open(id, serve.device());
            ServedDevice how = new ServedDevice(
                    counts.counting(device),
                    serve.device().queues(),
                    serve.device().allowUnsealedMemory(),
                    serve.peerUid());
            EventLoop loop = loops.get(nextLoop);
            nextLoop = (nextLoop + 1) % loops.size();
            socket.setNonBlocking();
            DeviceServer.Events events = new ToParent(id);
            devices.put(
                    id,
                    serve.listening()
                            ? DeviceServer.listen(how, socket, loop, slowLane, events)
                            : DeviceServer.serve(how, socket, loop, slowLane, events));
            served = true;
        } finally {
            if (!served) {
                socket.close();
                if (device != null) {
                    device.close();
                }
            }
        }
    }

    private BlockDevice open(int id, DeviceSpec spec) throws IOException {
        BlockDevice device = spec.description().readOnly() ? openExtents(spec) : openScratch(spec);
        if (spec.verify().isEmpty()) {
            return device;
        }
        boolean opened = false;
        try {
            BlockDevice verified = new VerifiedDevice(
                    device,
                    spec.verify().get(),
                    (startBytes, count) -> tell(0, new ControlRecord.Wrong(id, startBytes, count)));
            opened = true;
            return verified;
        } finally {
            if (!opened) {
                device.close();
            }
        }
    }

    private ScratchDevice openScratch(DeviceSpec spec) throws IOException {
        if (spec.runs().size() != 1) {
            throw new IllegalArgumentException(
                    "a writable device of " + spec.runs().size() + " runs");
        }
        DeviceSpec.Run run = spec.runs().getFirst();
        if (run.startBytes() != 0
                || run.fileOffsetBytes() != 0
                || run.lengthBytes() != spec.description().sizeBytes()) {
            throw new IllegalArgumentException("a writable device that is only a part of its file");
        }
        OwnedFd file = file(run.fileId()).fd().duplicate();
        boolean opened = false;
        try {
            ScratchDevice device = new ScratchDevice(spec.description(), file);
            opened = true;
            return device;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private ExtentDevice openExtents(DeviceSpec spec) {
        List<SharedFile> used = new ArrayList<>();
        boolean opened = false;
        try {
            List<Extent> extents = new ArrayList<>();
            for (DeviceSpec.Run run : spec.runs()) {
                SharedFile file = file(run.fileId());
                if (!used.contains(file)) {
                    file.retain();
                    used.add(file);
                }
                extents.add(new Extent(
                        run.startBytes(),
                        run.lengthBytes(),
                        new Extent.Source.InFile(file.fd(), run.fileOffsetBytes())));
            }
            ExtentDevice device =
                    new ExtentDevice(spec.description(), extents, () -> used.forEach(SharedFile::release));
            opened = true;
            return device;
        } finally {
            if (!opened) {
                used.forEach(SharedFile::release);
            }
        }
    }

    private SharedFile file(int fileId) {
        SharedFile file = files.get(fileId);
        if (file == null) {
            throw new IllegalArgumentException("there is no file " + fileId);
        }
        return file;
    }

    private CompletableFuture<Void> remove(int deviceId) {
        DeviceServer server = devices.remove(deviceId);
        if (server == null) {
            throw new IllegalArgumentException("there is no device " + deviceId);
        }
        return server.close();
    }

    /** Stops every device and waits until what is under way is published. */
    private void stopAll() {
        List<CompletableFuture<Void>> closing =
                devices.values().stream().map(DeviceServer::close).toList();
        devices.clear();
        for (CompletableFuture<Void> one : closing) {
            try {
                one.get();
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
                return;
            } catch (ExecutionException failure) {
                LOG.log(System.Logger.Level.ERROR, "closing a device", failure);
            }
        }
    }

    private void shutDown() {
        // Without waiting: a disk that hangs must not keep an orphan alive.
        for (DeviceServer device : devices.values()) {
            var _ = device.close();
        }
        devices.clear();
        files.values().forEach(SharedFile::release);
        files.clear();
        slowLane.close();
        loops.forEach(EventLoop::close);
        control.close();
    }

    /** Tells the parent, which may be gone: then {@link #run} ends by itself. */
    private void tell(int tag, ControlRecord record) {
        try {
            control.send(tag, record, List.of());
        } catch (IOException | IllegalStateException gone) {
            LOG.log(System.Logger.Level.DEBUG, "the parent does not listen", gone);
        }
    }

    private final class ToParent implements DeviceServer.Events {
        private final int deviceId;

        ToParent(int deviceId) {
            this.deviceId = deviceId;
        }

        @Override
        public void connected(PeerCredentials peer) {
            tell(0, new ControlRecord.Connected(deviceId, peer));
        }

        @Override
        public void ended(String why) {
            tell(0, new ControlRecord.Ended(deviceId, why));
        }
    }
}
