package io.lamina.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The mounts that this process sees ({@code /proc/self/mountinfo}, proc_pid_mountinfo(5)). */
public final class MountTable {
    private static final Path FILE = Path.of("/proc/self/mountinfo");

    private MountTable() {}

    /**
     * A mount.
     *
     * @param target where
     * @param type such as {@code erofs}
     * @param source what the file system calls its source
     */
    public record Entry(String target, String type, String source) {}

    /** All of them; of several at one place the uppermost comes last. */
    public static List<Entry> read() throws IOException {
        return parse(new String(Files.readAllBytes(FILE), StandardCharsets.UTF_8));
    }

    static List<Entry> parse(String text) {
        List<Entry> entries = new ArrayList<>();
        for (String line : text.split("\n", -1)) {
            int optional = line.indexOf(" - ");
            if (optional < 0) {
                continue;
            }
            String[] before = line.substring(0, optional).split(" ", -1);
            String[] behind = line.substring(optional + 3).split(" ", -1);
            entries.add(new Entry(unescaped(before[4]), unescaped(behind[0]), unescaped(behind[1])));
        }
        return entries;
    }

    /** Blanks and backslashes are written as three octal digits. */
    private static String unescaped(String field) {
        StringBuilder text = new StringBuilder(field.length());
        for (int i = 0; i < field.length(); i++) {
            if (field.charAt(i) == '\\' && i + 3 < field.length()) {
                text.append((char) Integer.parseInt(field.substring(i + 1, i + 4), 8));
                i += 3;
            } else {
                text.append(field.charAt(i));
            }
        }
        return text.toString();
    }
}
