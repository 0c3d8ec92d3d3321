package io.lamina.vmtests.bench;

import io.lamina.host.attach.DataPlaneProcess;
import io.lamina.host.attach.ReadCheck;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.linux.UnixSocket;
import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockClient;
import io.lamina.vhostuser.frontend.BlockDriver;
import io.lamina.vhostuser.server.DataPlaneClient;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** What {@code --verify-on-read} costs: one device of an image, in the page cache, served three times by one data plane. */
final class ReadCheckBench implements AutoCloseable {
    private static final int DEPTH = 16;
    private static final int LARGE_BYTES = 128 << 10;
    private static final int SMALL_BYTES = 4096;
    private static final int SMALL_READS = 100_000;
    private static final int PATIENCE_MILLIS = 60_000;

    private final BlockClient client;
    private final long sizeBytes;

    private ReadCheckBench(BlockClient client, long sizeBytes) {
        this.client = client;
        this.sizeBytes = sizeBytes;
    }

    /** Reads the whole device in large pieces, and small ones at random; the untimed round is the first pass of "once". */
    static void run(FlattenedDevice device, int rounds) throws Exception {
        List<ReadCheckBench> served = new ArrayList<>();
        try (DataPlaneProcess plane = DataPlaneProcess.start(new Silent())) {
            Contest sequential = new Contest();
            Contest random = new Contest();
            for (ReadCheck check : ReadCheck.values()) {
                String name = check.name().toLowerCase(Locale.ROOT);
                ReadCheckBench one = new ReadCheckBench(
                        new BlockClient(plane.serve(plane.describe(device, check, 1, true)), DEPTH, LARGE_BYTES),
                        device.sizeBytes());
                served.add(one);
                long start = System.nanoTime();
                one.readAll();
                System.out.printf(
                        Locale.ROOT,
                        "first pass, verify on read %s: %.0f MB/s%n",
                        name,
                        device.sizeBytes() * 1e3 / (System.nanoTime() - start));
                sequential.with(name, one::readAll);
                random.with(name, one::readAtRandom);
            }
            String mebibytes = (device.sizeBytes() >> 20) + " MiB";
            sequential
                    .run(rounds)
                    .print("Verify on read over the data plane: " + mebibytes + " in 128 KiB, depth 16", "off");
            random.run(rounds)
                    .print("Verify on read over the data plane: 100,000 random reads of 4 KiB, depth 16", "off");
        } finally {
            served.forEach(ReadCheckBench::close);
        }
    }

    private void readAll() throws IOException {
        long whole = sizeBytes / LARGE_BYTES;
        drive(whole, LARGE_BYTES, index -> index * LARGE_BYTES);
    }

    private void readAtRandom() throws IOException {
        Random random = new Random(1);
        int blocks = Math.toIntExact(sizeBytes / SMALL_BYTES);
        drive(SMALL_READS, SMALL_BYTES, _ -> (long) random.nextInt(blocks) * SMALL_BYTES);
    }

    private interface Place {
        long of(long index);
    }

    private void drive(long requests, int bytes, Place place) throws IOException {
        BlockDriver queue = client.queue();
        long next = 0;
        while (next < Math.min(DEPTH, requests)) {
            queue.prepare((int) next, VirtioBlk.T_IN, place.of(next) / VirtioBlk.SECTOR_BYTES, bytes);
            next++;
        }
        queue.submit();
        for (long done = 0; done < requests; done++) {
            int slot = queue.await(PATIENCE_MILLIS);
            if (slot < 0 || queue.status(slot) != VirtioBlk.S_OK) {
                throw new IOException("a read failed");
            }
            if (next < requests) {
                queue.prepare(slot, VirtioBlk.T_IN, place.of(next) / VirtioBlk.SECTOR_BYTES, bytes);
                queue.submit();
                next++;
            }
        }
    }

    @Override
    public void close() {
        client.close();
    }

    private static final class Silent implements DataPlaneClient.Listener {
        @Override
        public void connected(int deviceId, UnixSocket.PeerCredentials peer) {}

        @Override
        public void ended(int deviceId, String why) {}

        @Override
        public void lost() {}
    }
}
