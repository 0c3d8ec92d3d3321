package io.lamina.host.attach;

import io.lamina.host.flatten.MemoryFiles;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.linux.DataFile;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.Pidfd;
import io.lamina.linux.Spawn;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.IoCounts;
import io.lamina.vhostuser.server.DataPlane;
import io.lamina.vhostuser.server.DataPlaneClient;
import io.lamina.vhostuser.server.DeviceSpec;
import io.lamina.vhostuser.server.ServedDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The data plane as a process of its own: a small JVM that gets every file and socket as a descriptor. It ends when this
 * process does, however that ends, because its control socket then does. Where this process is root's, that one is
 * nobody's.
 */
public final class DataPlaneProcess implements AutoCloseable {
    /** What the guest finds the device by, {@code /sys/block/NAME/serial}. */
    private static final String SERIAL = "lamina-image";

    private static final int CONTROL_FD = 3;

    private final Pidfd process;
    private final DataPlaneClient client;

    private DataPlaneProcess(Pidfd process, DataPlaneClient client) {
        this.process = process;
        this.client = client;
    }

    /** Starts a data plane with this process's Java and class path. */
    public static DataPlaneProcess start(DataPlaneClient.Listener listener) throws IOException {
        List<String> arguments = new ArrayList<>(DataPlane.JVM_FLAGS);
        arguments.addAll(List.of("-cp", System.getProperty("java.class.path"), DataPlane.class.getName()));
        arguments.addAll(List.of(DataPlane.CONTROL_OPTION, Integer.toString(CONTROL_FD)));
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        UnixSocket.Pair control = UnixSocket.pair();
        try (OwnedFd childEnd = control.second();
                OwnedFd stderr = new OwnedFd(2).duplicate()) {
            Pidfd process = Spawn.of(java, arguments)
                    .environment(List.of("PATH=/usr/bin:/bin", "LANG=C.UTF-8"))
                    .descriptor(2, stderr)
                    .descriptor(CONTROL_FD, childEnd)
                    .newSession()
                    .start();
            return new DataPlaneProcess(process, new DataPlaneClient(control.first(), listener));
        } catch (IOException failure) {
            control.close();
            throw failure;
        }
    }

    /** The process number, for messages. */
    public int pid() {
        return process.pid();
    }

    /** Serves a device to one front-end; answers the socket that the machine's side of it is to get. */
    public OwnedFd serve(DeviceSpec spec) throws IOException {
        UnixSocket.Pair pair = UnixSocket.pair();
        try (OwnedFd ours = pair.first()) {
            client.serveConnected(spec, ours);
            return pair.second();
        } catch (IOException failure) {
            pair.close();
            throw failure;
        }
    }

    /**
     * Serves a device to one front-end after another.
     *
     * @param listening stays the caller's
     * @param peerUid the only user id that may connect, or {@link ServedDevice#ANY_UID}
     */
    public void listen(DeviceSpec device, OwnedFd listening, int peerUid) throws IOException {
        client.serve(device, listening, peerUid);
    }

    /**
     * As {@link #listen}, for whoever may reach the socket; then the data plane has the device's files for that device
     * alone, and gives them up with it.
     *
     * @return what {@link #remove} takes
     */
    public int listenAlone(DeviceSpec device, OwnedFd listening) throws IOException {
        int id = client.serve(device, listening, ServedDevice.ANY_UID);
        for (int file : device.runs().stream()
                .mapToInt(DeviceSpec.Run::fileId)
                .distinct()
                .toArray()) {
            client.dropFile(file);
        }
        return id;
    }

    /** What has been done on all its devices. */
    public IoCounts.Sums counts() throws IOException {
        return client.counts();
    }

    /** Stops serving one device, after the requests under way. */
    public void remove(int device) throws IOException {
        client.remove(device);
    }

    /**
     * Hands the files of a read-only device over.
     *
     * @param extents the device, from byte 0 on without a gap
     * @param blockSizeBytes its logical blocks: no larger than those of a file system on it
     * @param allowUnsealedMemory see {@link ServedDevice}
     */
    public DeviceSpec describe(List<Extent> extents, int blockSizeBytes, int queues, boolean allowUnsealedMemory)
            throws IOException {
        Map<Path, Integer> files = new HashMap<>();
        List<DeviceSpec.Run> runs = new ArrayList<>();
        for (Extent extent : extents) {
            switch (extent) {
                case Extent.FileExtent file -> {
                    Integer id = files.get(file.file());
                    if (id == null) {
                        id = hand(DataFile.openForReading(file.file()));
                        files.put(file.file(), id);
                    }
                    runs.add(new DeviceSpec.Run(file.startByte(), file.lengthBytes(), id, file.fileOffsetBytes()));
                }
                case Extent.MemoryExtent memory -> {
                    int id = hand(MemoryFiles.of("extent", memory.content()));
                    runs.add(new DeviceSpec.Run(memory.startByte(), memory.lengthBytes(), id, 0));
                }
                case Extent.ZeroExtent _ -> {}
            }
        }
        long sizeBytes = extents.getLast().endByte();
        DeviceDescription description = new DeviceDescription(sizeBytes, blockSizeBytes, true, SERIAL);
        return new DeviceSpec(description, queues, allowUnsealedMemory, runs);
    }

    /** As {@link #describe(List, int, int, boolean)}, of a flattened device, checked while it is read as {@code check} says. */
    public DeviceSpec describe(FlattenedDevice device, ReadCheck check, int queues, boolean allowUnsealedMemory)
            throws IOException {
        return check.of(
                device,
                describe(device.extents(), device.geometry().dataBlockSizeBytes(), queues, allowUnsealedMemory));
    }

    /** Hands one file over that is the whole device; where a read-only one ends early, zeroes follow. */
    public DeviceSpec describe(OwnedFd file, DeviceDescription device, int queues, boolean allowUnsealedMemory)
            throws IOException {
        DeviceSpec.Run whole = new DeviceSpec.Run(0, device.sizeBytes(), client.addFile(file), 0);
        return new DeviceSpec(device, queues, allowUnsealedMemory, List.of(whole));
    }

    /** Stops serving after the requests under way, and waits until the process has ended. */
    public void stop() throws IOException {
        client.stop();
        process.waitFor();
    }

    @Override
    public void close() throws IOException {
        try (process) {
            client.close();
            process.signal(Pidfd.SIGKILL);
            process.waitFor();
        }
    }

    private int hand(OwnedFd file) throws IOException {
        try (file) {
            return client.addFile(file);
        }
    }
}
