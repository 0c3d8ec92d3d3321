package io.lamina.host.run;

import io.lamina.host.guestimage.GuestImages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where this Lamina lives and where it keeps things.
 *
 * @param root the directory with {@code scripts/} and the programs' libraries
 * @param home what is kept between runs: blobs, guest image, development key
 */
public record Installation(Path root, Path home) {
    /** As the launcher says; without one, the working directory and the user's cache. */
    public static Installation current() {
        Path home = Optional.ofNullable(System.getProperty("lamina.home"))
                .map(Path::of)
                .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache", "lamina"));
        Path root = Path.of(System.getProperty("lamina.root", "."));
        return new Installation(root.toAbsolutePath().normalize(), home.toAbsolutePath());
    }

    /** What machines boot: the image that this Lamina was packed with, else those that are built at home. */
    public GuestImages guestImages() throws IOException {
        Path packed = root.resolve("guest");
        return Files.isDirectory(packed)
                ? GuestImages.packed(packed)
                : new GuestImages(home.resolve("guest"), agentJars());
    }

    /** The guest agent and its libraries, sorted by name. */
    public List<Path> agentJars() throws IOException {
        try (Stream<Path> jars = Files.list(root.resolve("guest-agent/target/lib"))) {
            return jars.filter(jar -> jar.toString().endsWith(".jar")).sorted().toList();
        }
    }
}
