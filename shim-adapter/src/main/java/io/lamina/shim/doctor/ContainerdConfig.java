package io.lamina.shim.doctor;

import io.lamina.images.CorruptImageException;

/**
 * What containerd's {@code config.toml} says of EROFS.
 *
 * @param lamina whether Lamina's snapshotter is a proxy plugin there
 * @param caches whether the EROFS snapshotter has {@code layer_content_caches}
 * @param dmverity its {@code dmverity_mode}, or empty
 */
public record ContainerdConfig(boolean lamina, boolean caches, String dmverity) {
    private static final String EROFS = "io.containerd.snapshotter.v1.erofs";

    /**
     * Reads a file.
     *
     * @throws CorruptImageException if it is no TOML
     */
    public static ContainerdConfig read(byte[] text) throws CorruptImageException {
        TomlFile file = TomlFile.read("containerd's configuration", text);
        return new ContainerdConfig(
                file.has("proxy_plugins", "lamina"),
                file.has("plugins", EROFS, "layer_content_caches"),
                file.text("plugins", EROFS, "dmverity_mode").orElse(""));
    }
}
