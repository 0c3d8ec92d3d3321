package io.lamina.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.OptionalLong;

/** What tells a process from a later one of the same number. */
public final class ProcessIdentity {
    /** {@code starttime} of proc_pid_stat(5), counted from the field behind the name in parentheses. */
    private static final int START_TIME_BEHIND_NAME = 19;

    private static final int STATE_BEHIND_NAME = 0;

    private ProcessIdentity() {}

    /** When the process {@code pid} started, in clock ticks since the boot; empty when it has ended. */
    public static OptionalLong startTicks(long pid) throws IOException {
        String line;
        try {
            line = new String(Files.readAllBytes(Path.of("/proc/" + pid + "/stat")), StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException ended) {
            return OptionalLong.empty();
        } catch (IOException failure) {
            if (Files.notExists(Path.of("/proc/" + pid))) {
                return OptionalLong.empty();
            }
            throw failure;
        }
        String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
        boolean ended = fields[STATE_BEHIND_NAME].equals("Z") || fields[STATE_BEHIND_NAME].equals("X");
        return ended ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(fields[START_TIME_BEHIND_NAME]));
    }

    /** Names this boot of the machine. */
    public static String bootId() throws IOException {
        return Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    }
}
