package io.lamina.vmtests.bench;

import io.lamina.vhostuser.block.VirtioBlk;
import io.lamina.vhostuser.frontend.BlockClient;
import io.lamina.vhostuser.frontend.BlockLoad;
import io.lamina.vhostuser.frontend.BlockLoad.Outcome;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/**
 * {@code ./bench vhost}: {@code lamina device serve} and qemu-storage-daemon under the same loads on the same file in the
 * page cache, in turns; then what idle and numerous devices cost. Arguments: the file, which is made when it is missing, a
 * directory for sockets, the root of the peers' system, rounds, and the words that start {@code lamina}.
 */
public final class VhostBench {
    private static final long FILE_BYTES = 512L << 20;
    private static final long LOAD_MILLIS = 2000;
    private static final long SETTLE_MILLIS = 5000;
    private static final long IDLE_MILLIS = 10_000;

    private static final List<Load> LOADS = List.of(
            new Load("4 KiB random, depth 1", new BlockLoad(1, 4096, 1, false, LOAD_MILLIS)),
            new Load("4 KiB random, depth 32", new BlockLoad(1, 4096, 32, false, LOAD_MILLIS)),
            new Load("4 KiB random, depth 16, 2 queues", new BlockLoad(2, 4096, 16, false, LOAD_MILLIS)),
            new Load("128 KiB sequential, depth 8", new BlockLoad(1, 131072, 8, true, LOAD_MILLIS)));

    private record Load(String name, BlockLoad load) {}

    /** What one run of a load came to, and the server's processor time. */
    private record Run(Outcome outcome, double cpuSeconds) {
        double micros(double quantile) {
            return outcome.latencies().quantileNanos(quantile) / 1e3;
        }

        double perSecond() {
            return outcome.requestsPerSecond();
        }

        double perCpuSecond() {
            return outcome.requests() / cpuSeconds;
        }
    }

    private final Path file;
    private final Path scratch;
    private final Peers peers;
    private final int rounds;
    private final List<String> lamina;

    private VhostBench(Path file, Path scratch, Peers peers, int rounds, List<String> lamina) {
        this.file = file;
        this.scratch = scratch;
        this.peers = peers;
        this.rounds = rounds;
        this.lamina = lamina;
    }

    /** Runs everything and prints tables in Markdown. */
    public static void main(String[] arguments) throws Exception {
        VhostBench bench = new VhostBench(
                Path.of(arguments[0]),
                Path.of(arguments[1]),
                new Peers(Path.of(arguments[2])),
                Integer.parseInt(arguments[3]),
                List.of(arguments).subList(4, arguments.length));
        bench.readFileIntoCache();
        System.out.println("file of " + (Files.size(bench.file) >> 20) + " MiB; "
                + bench.peers.version("qemu-storage-daemon")
                + "; Java " + Runtime.version() + "; " + Runtime.getRuntime().availableProcessors()
                + " processors; median of " + bench.rounds + ", in turns");
        bench.contest();
        bench.memoryCopy();
        bench.idle();
        new ManyDevices(bench.file, 1000, 64).run();
    }

    /** As a server finds it that did not write it: the cache of a read has larger pages than that of a write. */
    private void readFileIntoCache() throws IOException, InterruptedException {
        if (!Files.exists(file)) {
            byte[] bytes = new byte[1 << 20];
            Random random = new Random(1);
            try (OutputStream out = Files.newOutputStream(file)) {
                for (long done = 0; done < FILE_BYTES; done += bytes.length) {
                    random.nextBytes(bytes);
                    out.write(bytes);
                }
            }
        }
        Peers.run(List.of("sync", file.toString()), null);
        Peers.run(List.of("dd", "if=" + file, "iflag=nocache", "count=0"), null);
        Files.copy(file, OutputStream.nullOutputStream());
    }

    private void contest() throws IOException, InterruptedException {
        try (ServedPeer ours = ServedPeer.lamina(lamina, file, scratch.resolve("lamina.sock"));
                ServedPeer theirs = ServedPeer.storageDaemon(peers, file, scratch.resolve("qsd.sock"))) {
            System.out.println("\n| load | server | median µs | p99 µs | p99.9 µs | requests/s | per CPU second |\n"
                    + "|---|---|---|---|---|---|---|");
            for (Load load : LOADS) {
                List<Run> our = new ArrayList<>();
                List<Run> their = new ArrayList<>();
                for (int round = -1; round < rounds; round++) {
                    Run one = measure(load.load, ours);
                    Run other = measure(load.load, theirs);
                    if (round >= 0) {
                        our.add(one);
                        their.add(other);
                    }
                }
                print(load, ours.name(), our);
                print(load, theirs.name(), their);
                System.out.printf(
                        Locale.ROOT,
                        "| | **ratio** | **%.2f** | %.2f | %.2f | **%.2f** | **%.2f** |%n",
                        median(our, run -> run.micros(0.5)) / median(their, run -> run.micros(0.5)),
                        median(our, run -> run.micros(0.99)) / median(their, run -> run.micros(0.99)),
                        median(our, run -> run.micros(0.999)) / median(their, run -> run.micros(0.999)),
                        median(our, Run::perSecond) / median(their, Run::perSecond),
                        median(our, Run::perCpuSecond) / median(their, Run::perCpuSecond));
            }
        }
    }

    private static Run measure(BlockLoad load, ServedPeer peer) throws IOException {
        double before = peer.cpuSeconds();
        Outcome outcome = load.run(peer.socket());
        return new Run(outcome, peer.cpuSeconds() - before);
    }

    private static void print(Load load, String server, List<Run> runs) {
        System.out.printf(
                Locale.ROOT,
                "| %s | %s | %.1f | %.1f | %.1f | %.0f | %.0f |%n",
                load.name,
                server,
                median(runs, run -> run.micros(0.5)),
                median(runs, run -> run.micros(0.99)),
                median(runs, run -> run.micros(0.999)),
                median(runs, Run::perSecond),
                median(runs, Run::perCpuSecond));
    }

    private static double median(List<Run> runs, ToDoubleFunction<Run> figure) {
        double[] sorted = runs.stream().mapToDouble(figure).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    /** What no server can be faster than: as many bytes copied in memory, from as large a place into as small a one. */
    private void memoryCopy() {
        int block = 131072;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment from = arena.allocate(FILE_BYTES);
            MemorySegment to = arena.allocate(8L * block);
            from.fill((byte) 1);
            double best = 0;
            for (int round = 0; round < rounds; round++) {
                long start = System.nanoTime();
                for (long at = 0; at < FILE_BYTES; at += block) {
                    MemorySegment.copy(from, at, to, at % (8L * block), block);
                }
                best = Math.max(best, FILE_BYTES / (double) block * 1e9 / (System.nanoTime() - start));
            }
            System.out.printf(Locale.ROOT, "| 128 KiB sequential | bare memory copy | | | | | %.0f |%n", best);
        }
    }

    /** How often the threads of a server wake up that has just been busy and whose front-end asks for nothing. */
    private void idle() throws IOException, InterruptedException {
        try (ServedPeer ours = ServedPeer.lamina(lamina, file, scratch.resolve("idle.sock"))) {
            new BlockLoad(1, 4096, 4, false, 500).run(ours.socket());
            try (BlockClient client = BlockClient.connect(ours.socket(), 1, 4096)) {
                byte status = client.queue().run(VirtioBlk.T_IN, 0, 4096, 1000);
                Thread.sleep(SETTLE_MILLIS);
                IdleThreads before = IdleThreads.of(ours.processes());
                Thread.sleep(IDLE_MILLIS);
                IdleThreads.of(ours.processes()).printWakeUpsSince(before);
                if (status != VirtioBlk.S_OK || client.queue().run(VirtioBlk.T_IN, 0, 4096, 1000) != VirtioBlk.S_OK) {
                    throw new IOException("a read failed");
                }
            }
        }
    }
}
