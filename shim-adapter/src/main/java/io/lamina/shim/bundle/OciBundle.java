package io.lamina.shim.bundle;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.shim.attachment.Texts;
import java.util.List;
import java.util.Optional;

/**
 * What a {@code config.json} says of a container's root (OCI runtime-spec 1.2, config.md and config-windows.md). A list of
 * layers that is null, empty or absent is none: the specification asks for one at least, and Go writes null.
 *
 * @param config all of it
 * @param rootPath {@code root.path}; empty: none
 * @param layerFolders {@code windows.layerFolders}, top first and the scratch last
 * @param kind what kind of container
 */
public record OciBundle(JsonObject config, String rootPath, List<String> layerFolders, Kind kind) {
    /** Annotation of a HostProcess container, which may have no layers. */
    static final String HOST_PROCESS = "microsoft.com/hostprocess-container";

    /** Most layers that are read. */
    private static final int MAX_LAYERS = 1024;

    /** Kinds of containers, as far as their roots differ. */
    public enum Kind {
        /** Not Windows' affair. */
        LINUX,
        /** A Linux container in a utility VM of Windows. */
        LCOW,
        /** A Windows container that shares the host's kernel. */
        WINDOWS_PROCESS,
        /** A Windows container in a utility VM. */
        WINDOWS_HYPERV,
        /** A process of the host, with or without layers. */
        HOST_PROCESS
    }

    /** Keeps a copy. */
    public OciBundle {
        layerFolders = List.copyOf(layerFolders);
    }

    /**
     * Reads a {@code config.json}.
     *
     * @throws CorruptImageException if it is none
     */
    public static OciBundle read(byte[] text) throws CorruptImageException {
        JsonObject config = JsonParser.parse("config.json", text).object();
        Optional<JsonObject> windows = object(config, "windows");
        List<String> layers = windows.isEmpty() ? List.of() : windows.get().strings("layerFolders");
        if (layers.size() > MAX_LAYERS) {
            throw new CorruptImageException(
                    "config.json: windows.layerFolders", "has " + layers.size() + " layers, at most " + MAX_LAYERS);
        }
        for (String layer : layers) {
            Texts.printable("config.json: windows.layerFolders", layer, Texts.MAX_PATH_BYTES);
        }
        Optional<JsonObject> root = object(config, "root");
        String path = root.isEmpty() ? "" : root.get().string("path", "");
        if (!path.isEmpty()) {
            Texts.printable("config.json: root.path", path, Texts.MAX_PATH_BYTES);
        }
        return new OciBundle(config, path, layers, kind(config, windows));
    }

    private static Kind kind(JsonObject config, Optional<JsonObject> windows) throws CorruptImageException {
        if (windows.isEmpty()) {
            return Kind.LINUX;
        }
        if (object(config, "linux").isPresent()) {
            return Kind.LCOW;
        }
        Optional<JsonObject> annotations = object(config, "annotations");
        if (annotations.isPresent()
                && annotations.get().string(HOST_PROCESS, "").equals("true")) {
            return Kind.HOST_PROCESS;
        }
        return object(windows.get(), "hyperv").isPresent() ? Kind.WINDOWS_HYPERV : Kind.WINDOWS_PROCESS;
    }

    private static Optional<JsonObject> object(JsonObject in, String name) throws CorruptImageException {
        JsonValue value = in.optional(name);
        return value == null ? Optional.empty() : Optional.of(value.object());
    }
}
