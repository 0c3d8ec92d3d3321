package io.lamina.vhostuser.bench;

import io.lamina.vhostuser.frontend.BlockLoad;
import io.lamina.vhostuser.server.DataPlane;
import io.lamina.vhostuser.server.ServeRawFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Our back-end and qemu-storage-daemon under the same loads in turns: {@code FILE DIRECTORY ROUNDS [QSD]}. The file
 * should be in the page cache; {@code QSD} is the command, such as {@code qemu-storage-daemon}.
 */
public final class VhostBench {
    private static final List<BlockLoad> LOADS = List.of(
            new BlockLoad(4096, 1, false, 2000),
            new BlockLoad(4096, 32, false, 2000),
            new BlockLoad(131072, 8, true, 2000));

    private static final int CLOCK_TICKS_PER_SECOND = 100;

    private VhostBench() {}

    private record Peer(String name, Process process, Path socket) {}

    private record Round(double median, double p99, double perSecond, double perCpuSecond) {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Path file = Path.of(arguments[0]);
        Path directory = Path.of(arguments[1]);
        int rounds = Integer.parseInt(arguments[2]);
        List<Peer> peers = new ArrayList<>();
        peers.add(lamina(file, directory.resolve("lamina.sock")));
        if (arguments.length > 3) {
            peers.add(storageDaemon(arguments[3], file, directory.resolve("qsd.sock")));
        }
        try {
            for (BlockLoad load : LOADS) {
                for (Peer peer : peers) {
                    load.run(peer.socket());
                }
                List<List<Round>> results = new ArrayList<>();
                peers.forEach(_ -> results.add(new ArrayList<>()));
                for (int round = 0; round < rounds; round++) {
                    for (int i = 0; i < peers.size(); i++) {
                        results.get(i).add(measure(load, peers.get(i)));
                    }
                }
                System.out.println(load);
                for (int i = 0; i < peers.size(); i++) {
                    List<Round> of = results.get(i);
                    System.out.printf(
                            Locale.ROOT,
                            "  %-8s median %7.1f us  p99 %7.1f us  %9.0f/s  %9.0f/CPU s%n",
                            peers.get(i).name(),
                            median(of.stream().mapToDouble(Round::median).toArray()),
                            median(of.stream().mapToDouble(Round::p99).toArray()),
                            median(of.stream().mapToDouble(Round::perSecond).toArray()),
                            median(of.stream().mapToDouble(Round::perCpuSecond).toArray()));
                }
            }
        } finally {
            peers.forEach(peer -> peer.process().destroyForcibly());
        }
    }

    private static Round measure(BlockLoad load, Peer peer) throws IOException {
        double before = cpuSeconds(peer.process());
        BlockLoad.Outcome outcome = load.run(peer.socket());
        double cpu = cpuSeconds(peer.process()) - before;
        return new Round(
                outcome.latencies().quantileNanos(0.5) / 1e3,
                outcome.latencies().quantileNanos(0.99) / 1e3,
                outcome.requestsPerSecond(),
                outcome.requests() / cpu);
    }

    private static double median(double[] values) {
        Arrays.sort(values);
        return values[values.length / 2];
    }

    /** User and system time so far, fields 14 and 15 of {@code /proc/PID/stat}. */
    private static double cpuSeconds(Process process) throws IOException {
        String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
        String[] afterName = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return (Long.parseLong(afterName[11]) + Long.parseLong(afterName[12])) / (double) CLOCK_TICKS_PER_SECOND;
    }

    private static Peer lamina(Path file, Path socket) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(DataPlane.JVM_FLAGS);
        command.addAll(Arrays.asList(
                System.getProperty("lamina.bench.flags", "-Xshare:auto").split(" ", -1)));
        command.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                ServeRawFile.class.getName(),
                file.toString(),
                socket.toString()));
        return start("lamina", command, socket);
    }

    private static Peer storageDaemon(String program, Path file, Path socket) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(program.split(" ", -1)));
        command.addAll(List.of(
                "--object",
                "iothread,id=t0",
                "--blockdev",
                "driver=file,filename=" + file + ",node-name=d0,read-only=on,aio=io_uring",
                "--export",
                "type=vhost-user-blk,id=e,node-name=d0,addr.type=unix,addr.path=" + socket
                        + ",writable=off,iothread=t0"));
        return start("qsd", command, socket);
    }

    private static Peer start(String name, List<String> command, Path socket) throws IOException, InterruptedException {
        Files.deleteIfExists(socket);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        while (!Files.exists(socket)) {
            if (!process.isAlive()) {
                throw new IOException(name + " has not started");
            }
            Thread.sleep(50);
        }
        Thread.sleep(200);
        return new Peer(name, process, socket);
    }
}
