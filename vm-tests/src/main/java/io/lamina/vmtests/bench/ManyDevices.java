package io.lamina.vmtests.bench;

import io.lamina.host.attach.DataPlaneProcess;
import io.lamina.linux.DataFile;
import io.lamina.linux.FdStatus;
import io.lamina.linux.OwnedFd;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.DeviceDescription;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockClient;
import io.lamina.vhostuser.server.DataPlaneClient;
import io.lamina.vhostuser.server.DeviceSpec;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** One data plane with many devices, each with a front-end of its own and a ring in operation, some of them busy. */
final class ManyDevices {
    private static final int SLOTS = 4;
    private static final int BLOCK_BYTES = 4096;
    private static final long BUSY_NANOS = 4_000_000_000L;

    private final Path file;
    private final int devices;
    private final int busy;
    private final Random random = new Random(1);

    ManyDevices(Path file, int devices, int busy) {
        this.file = file;
        this.devices = devices;
        this.busy = busy;
    }

    void run() throws IOException, InterruptedException {
        List<BlockClient> clients = new ArrayList<>();
        try (DataPlaneProcess plane = DataPlaneProcess.start(new Unheard());
                OwnedFd opened = DataFile.openForReading(file)) {
            long size = FdStatus.of(opened).sizeBytes() & -BLOCK_BYTES;
            DeviceSpec spec =
                    plane.describe(opened, new DeviceDescription(size, VirtioBlk.SECTOR_BYTES, true, "many"), 1, false);
            clients.add(client(plane, spec));
            load(clients, size);
            long first = residentBytes(plane.pid());
            while (clients.size() < devices) {
                clients.add(client(plane, spec));
            }
            long all = residentBytes(plane.pid());
            long[] answered = load(clients.subList(0, busy), size);
            long loaded = residentBytes(plane.pid());
            long least = Arrays.stream(answered).min().orElseThrow();
            long most = Arrays.stream(answered).max().orElseThrow();
            System.out.printf(
                    Locale.ROOT,
                    "%n%d served devices: %d KiB each beyond the first (%d KiB after %d of them were busy); busy ones answered"
                            + " %d to %d requests, a ratio of %.2f, %.0f requests/s together%n",
                    devices,
                    ((all - first) / (devices - 1)) >> 10,
                    ((loaded - first) / (devices - 1)) >> 10,
                    busy,
                    least,
                    most,
                    most / (double) least,
                    Arrays.stream(answered).sum() * 1e9 / BUSY_NANOS);
        } finally {
            clients.forEach(BlockClient::close);
        }
    }

    private static BlockClient client(DataPlaneProcess plane, DeviceSpec spec) throws IOException {
        return new BlockClient(plane.serve(spec), SLOTS, BLOCK_BYTES);
    }

    /** Keeps all slots of all clients busy for a while; answers how many requests of each were answered. */
    private long[] load(List<BlockClient> clients, long sizeBytes) {
        long[] answered = new long[clients.size()];
        for (BlockClient client : clients) {
            for (int slot = 0; slot < SLOTS; slot++) {
                issue(client, slot, sizeBytes);
            }
            client.queue().submit();
        }
        long end = System.nanoTime() + BUSY_NANOS;
        while (System.nanoTime() < end) {
            for (int i = 0; i < answered.length; i++) {
                answered[i] += refill(clients.get(i), sizeBytes);
            }
        }
        for (BlockClient client : clients) {
            while (client.queue().driver().inFlight() > 0) {
                var _ = client.queue().poll();
            }
        }
        return answered;
    }

    private int refill(BlockClient client, long sizeBytes) {
        int answered = 0;
        for (int slot = client.queue().poll();
                slot != SplitDriver.NONE;
                slot = client.queue().poll()) {
            if (client.queue().status(slot) != VirtioBlk.S_OK) {
                throw new IllegalStateException("a read failed");
            }
            issue(client, slot, sizeBytes);
            answered++;
        }
        if (answered > 0) {
            client.queue().submit();
        }
        return answered;
    }

    private void issue(BlockClient client, int slot, long sizeBytes) {
        long sector = random.nextLong(sizeBytes / BLOCK_BYTES) * (BLOCK_BYTES / VirtioBlk.SECTOR_BYTES);
        client.queue().prepare(slot, VirtioBlk.T_IN, sector, BLOCK_BYTES);
    }

    /** Memory of the process alone, without what it maps of its front-ends' ({@code proc_pid_status(5)}). */
    private static long residentBytes(int pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
            if (line.startsWith("RssAnon:")) {
                return Long.parseLong(line.split("\\s+", -1)[1]) << 10;
            }
        }
        throw new IOException("no RssAnon in the status of process " + pid);
    }

    private static final class Unheard implements DataPlaneClient.Listener {
        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {}

        @Override
        public void ended(int deviceId, String why) {}

        @Override
        public void lost() {}
    }
}
