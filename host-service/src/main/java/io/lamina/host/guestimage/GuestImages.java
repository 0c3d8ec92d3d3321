package io.lamina.host.guestimage;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Guest images that were built here, each in a directory named after what went into it, so that a new agent, Java
 * runtime or kernel gets an image of its own and nothing stale is ever booted.
 */
public final class GuestImages {
    private static final String RECORD = "guest-image.json";

    private final Path directory;
    private final List<Path> agentJars;
    private final boolean packed;

    /**
     * @param directory where packages and images are kept
     * @param agentJars the agent and its libraries, in class path order
     */
    public GuestImages(Path directory, List<Path> agentJars) {
        this(directory, agentJars, false);
    }

    private GuestImages(Path directory, List<Path> agentJars, boolean packed) {
        this.directory = directory;
        this.agentJars = List.copyOf(agentJars);
        this.packed = packed;
    }

    /** The one image that lies in {@code directory}, which an installation came with. */
    public static GuestImages packed(Path directory) {
        return new GuestImages(directory, List.of(), true);
    }

    /** The image for this agent, this Java and the packages that were downloaded; what is missing of it is made. */
    public GuestImage current() throws IOException, InterruptedException {
        if (packed) {
            return read(directory)
                    .orElseThrow(() -> new IOException(
                            directory + " has no " + RECORD + ": install Lamina again, its guest image is not whole"));
        }
        DebianPackages packages = new DebianPackages(directory.resolve("packages"));
        if (packages.isMissing()) {
            packages.download();
        }
        Path home = directory.resolve(key(packages));
        Optional<GuestImage> built = read(home);
        if (built.isPresent()) {
            return built.get();
        }
        Files.createDirectories(home);
        GuestImage image = GuestImage.build(
                home, new GuestImage.Inputs(packages.debs(), Path.of(System.getProperty("java.home")), agentJars));
        write(home, image);
        return image;
    }

    /** Downloads the packages again and builds from them, so that a newer kernel is taken up. */
    public GuestImage rebuild() throws IOException, InterruptedException {
        if (packed) {
            throw new IOException("this installation came with its guest image, in " + directory
                    + "; another one is built from a checkout of Lamina, which has a JDK");
        }
        new DebianPackages(directory.resolve("packages")).download();
        Files.deleteIfExists(directory
                .resolve(key(new DebianPackages(directory.resolve("packages"))))
                .resolve(RECORD));
        return current();
    }

    private String key(DebianPackages packages) throws IOException {
        MessageDigest sha256 = Digest.sha256();
        for (Path jar : agentJars) {
            sha256.update(String.valueOf(jar.getFileName()).getBytes(StandardCharsets.UTF_8));
            sha256.update(Files.readAllBytes(jar));
        }
        sha256.update(Runtime.version().toString().getBytes(StandardCharsets.UTF_8));
        try (Stream<Path> debs = Files.list(packages.debs())) {
            for (Path deb : debs.sorted().toList()) {
                sha256.update(String.valueOf(deb.getFileName()).getBytes(StandardCharsets.UTF_8));
            }
        }
        return Digest.of(sha256.digest()).hex().substring(0, 16);
    }

    private static Optional<GuestImage> read(Path home) throws IOException {
        byte[] text;
        try {
            text = Files.readAllBytes(home.resolve(RECORD));
        } catch (NoSuchFileException notBuilt) {
            return Optional.empty();
        }
        JsonObject record =
                JsonParser.parse(home.resolve(RECORD).toString(), text).object();
        return Optional.of(new GuestImage(
                home.resolve("vmlinuz"),
                record.required("kernelRelease").string(),
                home.resolve("initramfs"),
                new GuestImage.Sizes(bytes(record, "compressedBytes"), bytes(record, "unpackedBytes")),
                Digest.parse(record.required("kernelDigest").string()),
                Digest.parse(record.required("initramfsDigest").string())));
    }

    private static long bytes(JsonObject record, String name) throws CorruptImageException {
        return record.required(name).integer(0, Long.MAX_VALUE);
    }

    /** The record is written last: without it there is no image. */
    private static void write(Path home, GuestImage image) throws IOException {
        byte[] record = JsonWriter.write(Map.of(
                "kernelRelease", image.kernelRelease(),
                "compressedBytes", image.sizes().compressedBytes(),
                "unpackedBytes", image.sizes().unpackedBytes(),
                "kernelDigest", image.kernelDigest().toString(),
                "initramfsDigest", image.initramfsDigest().toString()));
        Files.write(home.resolve(RECORD), record);
    }
}
