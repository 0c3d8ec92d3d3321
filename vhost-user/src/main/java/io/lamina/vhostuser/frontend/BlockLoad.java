package io.lamina.vhostuser.frontend;

import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.protocol.ProtocolFeatures;
import io.lamina.vhostuser.protocol.Request;
import io.lamina.vhostuser.virtqueue.SplitDriver;
import io.lamina.vhostuser.virtqueue.VirtioFeatures;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A load of reads on a back-end, ours or another one: what it does is the same for both.
 *
 * @param queues each driven by a thread of its own
 * @param blockBytes of each request
 * @param depth requests under way at once on each queue
 * @param sequential from the start on and over again, or at random
 * @param millis how long it lasts
 */
public record BlockLoad(int queues, int blockBytes, int depth, boolean sequential, long millis) {
    private static final int QUEUE_SIZE = 128;
    private static final int PATIENCE_MILLIS = 10_000;

    private static final long VIRTIO_FEATURES = VirtioFeatures.VERSION_1
            | VirtioFeatures.RING_EVENT_IDX
            | VirtioFeatures.RING_INDIRECT_DESC
            | VirtioFeatures.VHOST_PROTOCOL_FEATURES
            | VirtioBlk.F_RO
            | VirtioBlk.F_BLK_SIZE
            | VirtioBlk.F_SEG_MAX
            | VirtioBlk.F_FLUSH
            | VirtioBlk.F_MQ;
    private static final long PROTOCOL_FEATURES = ProtocolFeatures.REPLY_ACK
            | ProtocolFeatures.CONFIG
            | ProtocolFeatures.MQ
            | ProtocolFeatures.CONFIGURE_MEM_SLOTS;

    /** What came of it. */
    public record Outcome(long requests, long bytes, long nanos, LatencyHistogram latencies) {
        /** Requests per second. */
        public double requestsPerSecond() {
            return requests * 1e9 / nanos;
        }

        /** Bytes per second. */
        public double bytesPerSecond() {
            return bytes * 1e9 / nanos;
        }
    }

    /** Connects, runs the load, stops the ring and disconnects. */
    public Outcome run(Path socket) throws IOException {
        try (VhostUserFrontend frontend = VhostUserFrontend.connect(socket);
                DriverMemory memory = new DriverMemory(queues * ((1L << 20) + (long) depth * blockBytes))) {
            long features = frontend.number(new Request.GetFeatures()) & VIRTIO_FEATURES;
            frontend.negotiateProtocol(PROTOCOL_FEATURES);
            frontend.tell(new Request.SetFeatures(features));
            frontend.tell(new Request.AddMemReg(memory.region()), memory.fd());
            long sectors = frontend.config(0, 60)
                    .bytes()
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .getLong(0);
            List<BlockDriver> drivers = new ArrayList<>();
            try {
                for (int index = 0; index < queues; index++) {
                    drivers.add(new BlockDriver(memory, QUEUE_SIZE, depth, blockBytes, features));
                    drivers.get(index).start(frontend, index, QUEUE_SIZE);
                }
                Outcome outcome = driveAll(drivers, sectors / (blockBytes / VirtioBlk.SECTOR_BYTES));
                for (int index = 0; index < queues; index++) {
                    frontend.stopRing(index);
                }
                return outcome;
            } finally {
                drivers.forEach(BlockDriver::close);
            }
        }
    }

    private Outcome driveAll(List<BlockDriver> drivers, long blocks) throws IOException {
        List<FutureTask<Outcome>> others = new ArrayList<>();
        for (BlockDriver driver : drivers.subList(1, drivers.size())) {
            FutureTask<Outcome> task = new FutureTask<>(() -> drive(driver, blocks));
            others.add(task);
            Thread.ofPlatform().daemon().start(task);
        }
        Outcome all = drive(drivers.getFirst(), blocks);
        for (FutureTask<Outcome> other : others) {
            try {
                Outcome more = other.get();
                all.latencies().addAll(more.latencies());
                all = new Outcome(
                        all.requests() + more.requests(),
                        all.bytes() + more.bytes(),
                        Math.max(all.nanos(), more.nanos()),
                        all.latencies());
            } catch (InterruptedException stop) {
                throw new InterruptedIOException("while another queue is driven");
            } catch (ExecutionException failure) {
                throw new IOException("another queue: " + failure.getCause(), failure);
            }
        }
        return all;
    }

    private Outcome drive(BlockDriver queue, long blocks) throws IOException {
        LatencyHistogram latencies = new LatencyHistogram();
        long[] started = new long[depth];
        Random random = new Random(1);
        long next = 0;
        long begin = System.nanoTime();
        long end = begin + millis * 1_000_000;
        long now = begin;
        for (int slot = 0; slot < depth; slot++) {
            started[slot] = now;
            queue.prepare(
                    slot, VirtioBlk.T_IN, sector(sequential ? next++ : random.nextLong(blocks), blocks), blockBytes);
        }
        queue.submit();
        int underWay = depth;
        while (underWay > 0) {
            int slot = queue.await(PATIENCE_MILLIS);
            if (slot == SplitDriver.NONE) {
                throw new IOException("no answer within " + PATIENCE_MILLIS + " ms");
            }
            now = System.nanoTime();
            while (slot != SplitDriver.NONE) {
                if (queue.status(slot) != VirtioBlk.S_OK) {
                    throw new IOException("a read failed with status " + queue.status(slot));
                }
                latencies.add(now - started[slot]);
                underWay--;
                if (now < end) {
                    started[slot] = now;
                    long block = sequential ? next++ : random.nextLong(blocks);
                    queue.prepare(slot, VirtioBlk.T_IN, sector(block, blocks), blockBytes);
                    underWay++;
                }
                slot = queue.poll();
            }
            queue.submit();
        }
        return new Outcome(latencies.count(), latencies.count() * blockBytes, now - begin, latencies);
    }

    private long sector(long block, long blocks) {
        return block % blocks * (blockBytes / VirtioBlk.SECTOR_BYTES);
    }
}
