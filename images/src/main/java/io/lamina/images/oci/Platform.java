package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonValue;
import org.jspecify.annotations.Nullable;

/**
 * What an image runs on, in Go's words (OCI image-spec v1.1.1, image-index.md); empty strings where it is not said.
 *
 * @param os such as {@code linux}
 * @param architecture such as {@code amd64}
 * @param variant such as {@code v8}
 */
public record Platform(String os, String architecture, String variant) {
    private static final String LINUX = "linux";

    /** Linux on this machine's processor. */
    public static Platform ofThisMachine() {
        String arch = System.getProperty("os.arch");
        return new Platform(
                LINUX,
                switch (arch) {
                    case "x86_64", "amd64" -> "amd64";
                    case "aarch64", "arm64" -> "arm64";
                    default -> arch;
                },
                "");
    }

    /**
     * Reads {@code OS/ARCHITECTURE} or {@code OS/ARCHITECTURE/VARIANT}, as {@link #toString} writes it.
     *
     * @throws IllegalArgumentException if it is neither; the message is for the user who wrote it
     */
    public static Platform of(String text) {
        String[] parts = text.split("/", -1);
        if (parts.length < 2 || parts.length > 3 || text.startsWith("/") || text.contains("//") || text.endsWith("/")) {
            throw new IllegalArgumentException("\"" + text + "\" is no platform such as linux/amd64 or linux/arm64/v8");
        }
        return new Platform(parts[0], parts[1], parts.length == 3 ? parts[2] : "");
    }

    /** Whether an image of this platform runs where {@code machine} is; a variant that nobody names is no obstacle. */
    boolean runsOn(Platform machine) {
        return os.equals(machine.os)
                && architecture.equals(machine.architecture)
                && (variant.isEmpty() || machine.variant.isEmpty() || variant.equals(machine.variant));
    }

    static @Nullable Platform parse(@Nullable JsonValue value) throws CorruptImageException {
        if (value == null) {
            return null;
        }
        JsonObject platform = value.object();
        return new Platform(
                platform.string("os", ""), platform.string("architecture", ""), platform.string("variant", ""));
    }

    @Override
    public String toString() {
        return os + "/" + architecture + (variant.isEmpty() ? "" : "/" + variant);
    }
}
