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
