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

    private final Path scratch;
    private final Path java;
    private final List<String> options;

    private ClassArchive(Path scratch, Path java, List<String> options) {
        this.scratch = scratch;
        this.java = java;
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
        options.add(String.join(
                ":", classPath.stream().map(jar -> root.resolve(jar).toString()).toList()));
        ClassArchive archive = new ClassArchive(scratch, root.resolve("jre/bin/java"), options);
        Path target = scratch.resolve("agent.jsa");
        archive.dump(archive.rehearse(), target);
        return target;
    }

    /** The classes that a rehearsal used, in an order that does not depend on the threads of that run. */
    private Path rehearse() throws IOException, InterruptedException {
        Path used = scratch.resolve("classes.used");
        List<String> command =
                new ArrayList<>(List.of(java.toString(), "-Xshare:off", "-XX:DumpLoadedClassList=" + used));
        command.addAll(options);
        command.add(REHEARSAL);
        command.add(Files.createDirectory(scratch.resolve("rehearsal")).toString());
        String _ = Tool.run(scratch, command);
        TreeSet<String> sorted = new TreeSet<>();
        for (String line : Files.readAllLines(used, StandardCharsets.UTF_8)) {
            if (!line.startsWith("#")) {
                sorted.add(line.replaceFirst(" id: [0-9]+$", ""));
            }
        }
        return Files.write(scratch.resolve("classes"), sorted, StandardCharsets.UTF_8);
    }

    private void dump(Path classes, Path target) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                java.toString(),
                "-Xshare:dump",
                "-XX:SharedClassListFile=" + classes,
                "-XX:SharedArchiveFile=" + target));
        command.addAll(options);
        String _ = Tool.run(scratch, command);
    }
}
