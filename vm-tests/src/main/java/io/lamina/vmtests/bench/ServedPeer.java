package io.lamina.vmtests.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A running vhost-user-blk server, ours or another one, and what it costs: of its process and those that it started. */
record ServedPeer(String name, Process process, Path socket) implements AutoCloseable {
    private static final int CLOCK_TICKS_PER_SECOND = 100;
    private static final int START_MILLIS = 20_000;
    private static final int PAUSE_MILLIS = 50;

    /** Fields of {@code /proc/PID/stat} after the name: user and system time ({@code proc_pid_stat(5)}). */
    private static final int UTIME = 11;

    private static final int STIME = 12;

    /** {@code lamina device serve}. */
    static ServedPeer lamina(List<String> lamina, Path file, Path socket) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(lamina);
        command.addAll(List.of("device", "serve", "--socket", socket.toString(), "--queues", "2"));
        command.addAll(List.of("--raw", file.toString()));
        return start("lamina", command, socket);
    }

    /** qemu-storage-daemon as fast as it can be: io_uring, and a thread of its own. */
    static ServedPeer storageDaemon(Peers peers, Path file, Path socket) throws IOException, InterruptedException {
        return start(
                "qemu-storage-daemon",
                peers.command(
                        "qemu-storage-daemon",
                        "--object",
                        "iothread,id=t0",
                        "--blockdev",
                        "driver=file,filename=" + file + ",node-name=d0,read-only=on,aio=io_uring",
                        "--export",
                        "type=vhost-user-blk,id=e,node-name=d0,num-queues=2,writable=off,iothread=t0,addr.type=unix,addr.path="
                                + socket),
                socket);
    }

    private static ServedPeer start(String name, List<String> command, Path socket)
            throws IOException, InterruptedException {
        Files.deleteIfExists(socket);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        for (int waited = 0; !Files.exists(socket); waited += PAUSE_MILLIS) {
            if (!process.isAlive() || waited > START_MILLIS) {
                process.destroyForcibly();
                throw new IOException(name + " does not listen at " + socket);
            }
            Thread.sleep(PAUSE_MILLIS);
        }
        return new ServedPeer(name, process, socket);
    }

    /** The processes: the one that was started and its descendants. */
    List<Long> processes() {
        return Stream.concat(Stream.of(process.toHandle()), process.descendants())
                .map(ProcessHandle::pid)
                .toList();
    }

    /** User and system time of all processes so far. */
    double cpuSeconds() throws IOException {
        long ticks = 0;
        for (long pid : processes()) {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            String[] afterName = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            ticks += Long.parseLong(afterName[UTIME]) + Long.parseLong(afterName[STIME]);
        }
        return ticks / (double) CLOCK_TICKS_PER_SECOND;
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
