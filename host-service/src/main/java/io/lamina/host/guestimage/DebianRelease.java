package io.lamina.host.guestimage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The release of Debian that a guest's packages come from. It is this machine's where we know it, because the guest's
 * Java runtime is copied from this machine's JDK and needs a C library as new as the one that was built for.
 */
enum DebianRelease {
    BOOKWORM,
    TRIXIE;

    private static final Path OS_RELEASE = Path.of("/etc/os-release");

    /** This machine's release; bookworm, whose C library is the older one, on any other system. */
    static DebianRelease ofThisMachine() throws IOException {
        boolean trixie =
                Files.exists(OS_RELEASE) && Files.readAllLines(OS_RELEASE).contains("VERSION_CODENAME=trixie");
        return trixie ? TRIXIE : BOOKWORM;
    }

    /** The suites to list. */
    List<String> suites() {
        return switch (this) {
            case BOOKWORM -> List.of("bookworm", "bookworm-updates", "bookworm-security", "bookworm-backports");
            case TRIXIE -> List.of("trixie", "trixie-updates", "trixie-security");
        };
    }

    /** What the guest has of it beside the kernel: a shell, and the libraries that Java runtimes are linked with there. */
    List<String> guestPackages() {
        return switch (this) {
            case BOOKWORM -> List.of("busybox-static", "libc6");
            // Debian's own JDK is linked with more than a C library.
            case TRIXIE -> List.of("busybox-static", "libc6", "libgcc-s1", "libstdc++6", "zlib1g");
        };
    }

    /** The suite with a kernel of 6.4 or later, which reads flattened devices. */
    String kernelSuite() {
        return switch (this) {
            case BOOKWORM -> "bookworm-backports";
            case TRIXIE -> "trixie";
        };
    }
}
