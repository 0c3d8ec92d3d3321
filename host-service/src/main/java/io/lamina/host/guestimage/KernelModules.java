package io.lamina.host.guestimage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The kernel's modules that a guest needs, with what these need in turn, uncompressed and in an order in which they can be
 * loaded. A module says itself what it needs: the string {@code depends=} of its section {@code .modinfo}.
 */
final class KernelModules {
    private static final String DEPENDS = "\0depends=";
    private static final String XZ_SUFFIX = ".ko.xz";
    private static final String PLAIN_SUFFIX = ".ko";

    private final Map<String, Path> files;
    private final Path scratch;

    /** Those that some call of {@link #find} has answered already. */
    private final Set<String> found = new HashSet<>();

    private KernelModules(Map<String, Path> files, Path scratch) {
        this.files = files;
        this.scratch = scratch;
    }

    /**
     * Lists modules.
     *
     * @param directory of one kernel's modules, {@code lib/modules/RELEASE}
     * @param scratch where uncompressed modules go
     */
    static KernelModules of(Path directory, Path scratch) throws IOException {
        Map<String, Path> files = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(directory)) {
            walk.forEach(file -> {
                String name = String.valueOf(file.getFileName());
                for (String suffix : List.of(XZ_SUFFIX, PLAIN_SUFFIX)) {
                    if (name.endsWith(suffix)) {
                        files.put(canonical(name.substring(0, name.length() - suffix.length())), file);
                    }
                }
            });
        }
        return new KernelModules(files, scratch);
    }

    /**
     * Finds modules.
     *
     * @param names modules in the order in which they are wanted; one that is not there is built into the kernel
     * @return each module's name and file, what is needed first, without those that were found earlier
     */
    SequencedMap<String, Path> find(List<String> names) throws IOException, InterruptedException {
        SequencedMap<String, Path> ordered = new LinkedHashMap<>();
        for (String name : names) {
            add(canonical(name), new ArrayList<>(), ordered);
        }
        return ordered;
    }

    private void add(String name, List<String> path, SequencedMap<String, Path> ordered)
            throws IOException, InterruptedException {
        Path file = files.get(name);
        if (file == null || found.contains(name)) {
            return;
        }
        if (path.contains(name)) {
            throw new IOException("kernel modules that need each other: " + path);
        }
        path.add(name);
        Path plain = uncompressed(name, file);
        for (String needed : depends(Files.readAllBytes(plain))) {
            add(canonical(needed), path, ordered);
        }
        path.removeLast();
        found.add(name);
        ordered.put(name, plain);
    }

    private Path uncompressed(String name, Path file) throws IOException, InterruptedException {
        Path plain = scratch.resolve(name + PLAIN_SUFFIX);
        if (file.toString().endsWith(XZ_SUFFIX)) {
            Path compressed = scratch.resolve(name + XZ_SUFFIX);
            Files.copy(file, compressed);
            String _ = Tool.run(scratch, List.of("xz", "--decompress", compressed.toString()));
        } else {
            Files.copy(file, plain);
        }
        return plain;
    }

    static List<String> depends(byte[] module) {
        String text = new String(module, StandardCharsets.ISO_8859_1);
        int at = text.indexOf(DEPENDS);
        if (at < 0) {
            return List.of();
        }
        int start = at + DEPENDS.length();
        int end = text.indexOf('\0', start);
        String list = text.substring(start, end < 0 ? text.length() : end);
        return list.isEmpty() ? List.of() : List.of(list.split(",", -1));
    }

    /** Modules' names and files' names use hyphen and underscore as they like; modprobe takes them for the same. */
    private static String canonical(String name) {
        return name.replace('-', '_');
    }
}
