package io.lamina.vmtests.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** How often each thread of some processes has gone to sleep so far: {@code /proc/PID/task/TID/status}. */
record IdleThreads(Map<String, Long> switches) {
    /** Threads of the virtual machine itself; the rest is the program's. */
    private static final List<String> VIRTUAL_MACHINE = List.of(
            "VM ",
            "GC ",
            "C1 ",
            "C2 ",
            "Signal Disp",
            "Service Thr",
            "Monitor Defl",
            "Common-Cleaner",
            "Finalizer",
            "Reference Han",
            "Notification",
            "java",
            "process reaper");

    static IdleThreads of(List<Long> processes) throws IOException {
        Map<String, Long> switches = new TreeMap<>();
        for (long pid : processes) {
            try (Stream<Path> threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
                for (Path thread : threads.toList()) {
                    String name = Files.readString(thread.resolve("comm")).strip();
                    long count = Files.readAllLines(thread.resolve("status")).stream()
                            .filter(line -> line.startsWith("voluntary_ctxt_switches"))
                            .mapToLong(line -> Long.parseLong(line.split("\\s+", -1)[1]))
                            .sum();
                    switches.put(name + " (" + thread.getFileName() + ")", count);
                }
            }
        }
        return new IdleThreads(switches);
    }

    void printWakeUpsSince(IdleThreads before) {
        long ours = 0;
        long machine = 0;
        StringBuilder who = new StringBuilder();
        for (Map.Entry<String, Long> thread : switches.entrySet()) {
            long wakeUps = thread.getValue() - before.switches.getOrDefault(thread.getKey(), 0L);
            if (VIRTUAL_MACHINE.stream().anyMatch(thread.getKey()::startsWith)) {
                machine += wakeUps;
            } else if (wakeUps > 0) {
                ours += wakeUps;
                who.append(' ').append(thread.getKey()).append(": ").append(wakeUps);
            }
        }
        System.out.println("\nidle for 10 s: " + ours + " wake-ups of our " + "threads" + who + ", " + machine
                + " of the virtual machine's own");
    }
}
