package io.lamina.host.guestimage;

import io.lamina.images.hash.Sha256;
import io.lamina.images.oci.Digest;
import io.lamina.linux.DirectoryTree;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;

/** Puts a {@link GuestImage} together in a scratch directory, which is gone afterwards. */
final class GuestImageBuilder {
    /**
     * What the agent needs that Debian's cloud kernel has as modules, in groups that it loads one by one: what each start
     * needs, what {@code --integrity=diffid} needs, and what an encrypted disk needs, the last two for its speed alone.
     */
    private static final SequencedMap<String, List<String>> MODULES = new LinkedHashMap<>();

    static {
        MODULES.put("load", List.of("virtio_blk", "erofs", "dm_verity", "overlay"));
        MODULES.put("loop", List.of("loop"));
        MODULES.put("scratch", List.of("dm_integrity", "dm_crypt", "authenc", "xts", "aesni_intel", "sha256_ssse3"));
    }

    /**
     * What Java runtimes are linked with: glibc, and with Debian's own JDK what else {@link DebianRelease} names a package
     * for. A library that no package has is one that this release's JDK does not need.
     */
    private static final List<String> C_LIBRARIES = List.of(
            "libc.so.6",
            "libdl.so.2",
            "libm.so.6",
            "libpthread.so.0",
            "librt.so.1",
            "libgcc_s.so.1",
            "libstdc++.so.6",
            "libz.so.1");

    private static final String LIBRARIES = "lib/x86_64-linux-gnu";
    private static final String LOADER = "lib64/ld-linux-x86-64.so.2";

    /** Small and quick to start: one collector thread, one compiler, no files of performance counters. */
    private static final List<String> JVM_OPTIONS = List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            // Room in which the start up to the mount collects no garbage.
            "-Xms20m",
            "-Xmn12m",
            "-Xmx64m",
            "-Xss512k",
            "-XX:-UsePerfData",
            // A container must not inherit a raised limit of open files.
            "-XX:-MaxFDLimit",
            "-XX:+ExitOnOutOfMemoryError",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow");

    private static final String MAIN_CLASS = "io.lamina.guest.Agent";

    /** The first process. Whatever ends the agent ends the machine. Modules are loaded here, since a shell is quick at it. */
    private static final String INIT = """
            #!/bin/busybox sh
            /bin/busybox mount -t proc proc /proc
            /bin/busybox mount -t sysfs sysfs /sys
            /bin/busybox mount -t devtmpfs dev /dev
            for module in $(/bin/busybox cat /lamina/modules.load); do
              /bin/busybox insmod /lamina/modules/$module
            done
            # File names of images are UTF-8.
            export LC_ALL=C.UTF-8
            /jre/bin/java @/lamina/java.options
            /bin/busybox poweroff -f
            """;

    private final Path directory;
    private final GuestImage.Inputs inputs;

    GuestImageBuilder(Path directory, GuestImage.Inputs inputs) {
        this.directory = directory;
        this.inputs = inputs;
    }

    GuestImage build() throws IOException, InterruptedException {
        Path scratch = Files.createTempDirectory(directory, "build-");
        try {
            return build(scratch);
        } finally {
            DirectoryTree.delete(scratch);
        }
    }

    private GuestImage build(Path scratch) throws IOException, InterruptedException {
        Path packages = Files.createDirectory(scratch.resolve("packages"));
        String _ = DebianPackages.unpack(inputs.debs(), "linux-image-[0-9]", packages);
        for (String name : DebianRelease.ofThisMachine().guestPackages()) {
            String _ = DebianPackages.unpack(inputs.debs(), name + "_", packages);
        }
        linkMergedUsr(packages);
        Path modulesDirectory = onlyChild(packages.resolve("lib/modules"));
        String release = String.valueOf(modulesDirectory.getFileName());
        KernelModules modules = KernelModules.of(modulesDirectory, Files.createDirectory(scratch.resolve("modules")));
        Path root = Files.createDirectory(scratch.resolve("root"));
        JavaRuntime.link(inputs.jdkHome(), root.resolve("jre"), scratch);
        addAgent(root, modules);
        Path plain = scratch.resolve("initramfs.cpio");
        try (CpioArchive archive = new CpioArchive(new BufferedOutputStream(Files.newOutputStream(plain), 1 << 16))) {
            addSystem(archive, packages);
            addTree(archive, root);
        }
        Path initramfs = scratch.resolve("initramfs");
        Compression.compress(plain, initramfs);
        Path kernel = packages.resolve("boot/vmlinuz-" + release);
        GuestImage.Sizes sizes = new GuestImage.Sizes(Files.size(initramfs), Files.size(plain));
        return new GuestImage(
                install(kernel, "vmlinuz"),
                release,
                install(initramfs, "initramfs"),
                sizes,
                digest(directory.resolve("vmlinuz")),
                digest(directory.resolve("initramfs")));
    }

    /** From Debian 13 on packages hold {@code /usr/bin} and {@code /usr/lib} alone; earlier ones what links point to there. */
    private static void linkMergedUsr(Path packages) throws IOException {
        for (String name : List.of("bin", "lib")) {
            Path link = packages.resolve(name);
            if (Files.notExists(link)) {
                Files.createSymbolicLink(link, Path.of("usr", name));
            }
        }
    }

    private static void addSystem(CpioArchive archive, Path packages) throws IOException {
        for (String name : List.of("bin", "dev", "lib", LIBRARIES, "lib64", "proc", "run", "sys", "tmp")) {
            archive.directory(name);
        }
        archive.file("init", CpioArchive.EXECUTABLE, INIT.getBytes(StandardCharsets.US_ASCII));
        archive.file("bin/busybox", CpioArchive.EXECUTABLE, packages.resolve("bin/busybox"));
        for (String library : C_LIBRARIES) {
            Path file = packages.resolve(LIBRARIES + "/" + library);
            if (Files.exists(file)) {
                archive.file(LIBRARIES + "/" + library, CpioArchive.EXECUTABLE, file);
            }
        }
        archive.file(LOADER, CpioArchive.EXECUTABLE, packages.resolve(LIBRARIES).resolve("ld-linux-x86-64.so.2"));
    }

    private void addAgent(Path root, KernelModules modules) throws IOException, InterruptedException {
        Path home = Files.createDirectory(root.resolve("lamina"));
        Path moduleFiles = Files.createDirectory(home.resolve("modules"));
        for (var group : MODULES.entrySet()) {
            SequencedMap<String, Path> found = modules.find(group.getValue());
            for (var module : found.entrySet()) {
                Files.copy(module.getValue(), moduleFiles.resolve(module.getKey()));
            }
            Files.write(home.resolve("modules." + group.getKey()), found.sequencedKeySet());
        }
        Files.createDirectory(home.resolve("jars"));
        List<String> jars = new ArrayList<>();
        for (Path jar : inputs.agentJars()) {
            jars.add("lamina/jars/" + jar.getFileName());
            Files.copy(jar, root.resolve(jars.getLast()));
        }
        Files.move(ClassArchive.make(root, JVM_OPTIONS, jars, scratch(root)), home.resolve("agent.jsa"));
        List<String> options = new ArrayList<>(JVM_OPTIONS);
        options.add("-XX:SharedArchiveFile=/lamina/agent.jsa");
        options.add("--class-path=/" + String.join(":/", jars));
        options.add(MAIN_CLASS);
        Files.write(home.resolve("java.options"), options);
    }

    private static Path scratch(Path root) throws IOException {
        return Files.createDirectory(root.resolveSibling("classes"));
    }

    /** Adds what lies in {@code tree}, by name, so that the order does not depend on the directory. */
    private static void addTree(CpioArchive archive, Path tree) throws IOException {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(tree)) {
            files = walk.filter(file -> !file.equals(tree))
                    .sorted(Comparator.comparing(Path::toString))
                    .toList();
        }
        for (Path file : files) {
            String path = tree.relativize(file).toString();
            if (Files.isSymbolicLink(file)) {
                archive.symbolicLink(path, Files.readSymbolicLink(file).toString());
            } else if (Files.isDirectory(file)) {
                archive.directory(path);
            } else {
                archive.file(path, Files.isExecutable(file) ? CpioArchive.EXECUTABLE : CpioArchive.PLAIN, file);
            }
        }
    }

    private Path install(Path file, String name) throws IOException {
        return Files.move(file, directory.resolve(name), StandardCopyOption.REPLACE_EXISTING);
    }

    private static Digest digest(Path file) throws IOException {
        Sha256 sha256 = Sha256.create();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            sha256.update(channel);
        }
        return Digest.of(sha256.digest());
    }

    private static Path onlyChild(Path parent) throws IOException {
        try (Stream<Path> children = Files.list(parent)) {
            List<Path> all = children.toList();
            if (all.size() != 1) {
                throw new IOException("expected one kernel in " + parent + ", found " + all.size());
            }
            return all.getFirst();
        }
    }
}
