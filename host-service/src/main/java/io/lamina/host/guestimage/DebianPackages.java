package io.lamina.host.guestimage;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The Debian packages that a guest image is made of, downloaded with apt and never installed. Lists and cache of apt are
 * our own, so the machine's settings are neither used nor changed.
 */
public final class DebianPackages {
    private static final String KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
    private static final String MIRROR = "http://deb.debian.org/debian";
    private static final String COMPLETE = "complete";

    /** Its one dependency is the kernel itself, whose name has the version. */
    private static final String KERNEL_META_PACKAGE = "linux-image-cloud-amd64";

    private final Path directory;

    /** @param directory where packages and apt's state are kept */
    public DebianPackages(Path directory) {
        this.directory = directory.toAbsolutePath();
    }

    /**
     * Downloads the kernel and the packages of {@link DebianRelease#guestPackages}, signatures checked by apt.
     *
     * @throws IOException if apt fails; the message has what it said
     */
    public void download() throws IOException, InterruptedException {
        for (String name : List.of("apt/lists/partial", "apt/cache/archives/partial", "debs")) {
            Files.createDirectories(directory.resolve(name));
        }
        DebianRelease release = DebianRelease.ofThisMachine();
        String lines = release.suites().stream()
                .map(suite -> "deb [signed-by=" + KEYRING + "] " + MIRROR
                        + (suite.endsWith("-security") ? "-security " : " ") + suite + " main\n")
                .collect(Collectors.joining());
        Files.writeString(directory.resolve("apt/sources.list"), lines);
        apt("update");
        String kernel = kernelPackage();
        Files.deleteIfExists(debs().resolve(COMPLETE));
        try (DirectoryStream<Path> old = Files.newDirectoryStream(debs(), "*.deb")) {
            for (Path deb : old) {
                Files.delete(deb);
            }
        }
        List<String> download = new ArrayList<>(List.of("download", kernel));
        download.addAll(release.guestPackages());
        apt(download.toArray(String[]::new));
        Files.createFile(debs().resolve(COMPLETE));
    }

    /** Whether {@link #download} has not come to its end yet. */
    public boolean isMissing() {
        return !Files.exists(debs().resolve(COMPLETE));
    }

    /** Where the packages are. */
    public Path debs() {
        return directory.resolve("debs");
    }

    /**
     * Unpacks the one package in {@code debs} whose file name starts with {@code prefix}.
     *
     * @return the package's file name
     */
    static String unpack(Path debs, String prefix, Path target) throws IOException, InterruptedException {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(debs, prefix + "*.deb")) {
            stream.forEach(found::add);
        }
        if (found.size() != 1) {
            throw new IOException("expected one " + prefix + "*.deb in " + debs + ", found " + found.size());
        }
        String _ =
                Tool.run(debs, List.of("dpkg-deb", "--extract", found.getFirst().toString(), target.toString()));
        return found.getFirst().getFileName().toString();
    }

    private String kernelPackage() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("apt-cache"));
        command.addAll(options());
        command.addAll(List.of("show", "--no-all-versions", KERNEL_META_PACKAGE));
        String depends = Tool.run(directory, command)
                .lines()
                .filter(line -> line.startsWith("Depends: "))
                .findFirst()
                .orElseThrow(() -> new IOException(KERNEL_META_PACKAGE + " depends on no kernel"));
        return depends.substring("Depends: ".length()).split("[ ,]", 2)[0];
    }

    private void apt(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("apt-get", "--quiet"));
        command.addAll(options());
        command.addAll(List.of(arguments));
        String _ = Tool.run(debs(), command);
    }

    private List<String> options() throws IOException {
        Path apt = directory.resolve("apt");
        return List.of(
                "-o", "Dir::Etc::sourcelist=" + apt.resolve("sources.list"),
                "-o", "Dir::Etc::sourceparts=/dev/null",
                "-o", "Dir::State::lists=" + apt.resolve("lists"),
                "-o", "Dir::Cache=" + apt.resolve("cache"),
                "-o", "APT::Default-Release=" + DebianRelease.ofThisMachine().kernelSuite(),
                "-o", "APT::Sandbox::User=root");
    }
}
