package io.lamina.host.guestimage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The agent's classes, and those of the Java runtime that it uses, as an archive that the runtime maps instead of reading
 * and checking class files (class data sharing). It holds no machine code, so that it is good for every CPU; and unlike an
 * AOT cache, equal inputs give equal bytes.
 *
 * <p>The runtime takes an archive only for the files it was made from, by their sizes and times. All files of an initramfs
 * have time 0, and so these must have here.
 */
final class ClassArchive {
    private static final String REHEARSAL = "io.lamina.guest.Rehearsal";

    /** Everything is named relative to the guest's root: the archive remembers names, and where it is built is chance. */
    private static final String JAVA = "jre/bin/java";

    private final Path scratch;
    private final Path root;
    private final List<String> options;

    private ClassArchive(Path scratch, Path root, List<String> options) {
        this.scratch = scratch;
        this.root = root;
        this.options = options;
    }

    /**
     * Makes the archive in {@code scratch} by a rehearsal of the agent.
     *
     * @param root the guest's files, with the runtime in {@code jre}
     * @param jvmOptions those that the guest will use
     * @param classPath jars, relative to the root
     */
    static Path make(Path root, List<String> jvmOptions, List<String> classPath, Path scratch)
            throws IOException, InterruptedException {
        try (Stream<Path> walk = Files.walk(root)) {
            for (Path file : walk.filter(Files::isRegularFile).toList()) {
                Files.setLastModifiedTime(file, FileTime.fromMillis(0));
            }
        }
        List<String> options = new ArrayList<>(jvmOptions);
        options.add("-cp");
        options.add(String.join(":", classPath));
        ClassArchive archive = new ClassArchive(scratch, root, options);
        Path target = scratch.resolve("agent.jsa");
        archive.dump(archive.rehearse(), target);
        return target;
    }

    /** The classes that a rehearsal used, in an order that does not depend on the threads of that run. */
    private Path rehearse() throws IOException, InterruptedException {
        Path used = scratch.resolve("classes.used");
        List<String> command = new ArrayList<>(List.of(JAVA, "-Xshare:off", "-XX:DumpLoadedClassList=" + used));
        command.addAll(options);
        command.add(REHEARSAL);
        command.add(Files.createDirectory(scratch.resolve("rehearsal")).toString());
        String _ = Tool.run(root, command);
        TreeSet<String> sorted = new TreeSet<>();
        for (String line : Files.readAllLines(used, StandardCharsets.UTF_8)) {
            // "@cp" is what of a constant pool was used, which depends on the key of the moment and on timing.
            if (!line.startsWith("#") && !line.startsWith("@cp ")) {
                sorted.add(line.replaceFirst(" id: [0-9]+$", ""));
            }
        }
        return Files.write(scratch.resolve("classes"), sorted, StandardCharsets.UTF_8);
    }

    private void dump(Path classes, Path target) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of(JAVA, "-Xshare:dump", "-XX:SharedClassListFile=" + classes, "-XX:SharedArchiveFile=" + target));
        command.addAll(options);
        String _ = Tool.run(root, command);
    }
}
