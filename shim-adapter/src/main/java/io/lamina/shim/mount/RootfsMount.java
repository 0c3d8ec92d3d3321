package io.lamina.shim.mount;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * A mount of a container's root, as {@code CreateTaskRequest.rootfs} has it (containerd 2.1, api/types/mount.proto).
 *
 * @param type a file system's name, or a shim's word
 * @param source what is mounted
 * @param target where, below the root; empty: the root itself
 * @param options in their order
 */
public record RootfsMount(String type, String source, String target, List<String> options) {
    /** Most mounts of a root that are read: 128 layers, writable layer and overlay, and more than that. */
    public static final int MAX_MOUNTS = 1024;

    /** Most options of a mount that are read; a layer may be one of them. */
    public static final int MAX_OPTIONS = 4096;

    private static final Set<String> MEMBERS = Set.of("type", "source", "target", "options");

    /** Keeps a copy. */
    public RootfsMount {
        options = List.copyOf(options);
    }

    /** A mount at the root itself. */
    public static RootfsMount of(String type, String source, String... options) {
        return new RootfsMount(type, source, "", List.of(options));
    }

    /** As JSON; members without a value are left out, and a list is never null. */
    public Map<String, Object> members() {
        Map<String, Object> members = new TreeMap<>();
        members.put("type", type);
        members.put("source", source);
        if (!target.isEmpty()) {
            members.put("target", target);
        }
        if (!options.isEmpty()) {
            members.put("options", options);
        }
        return members;
    }

    /** What follows {@code prefix} in the first option that starts with it. */
    public Optional<String> option(String prefix) {
        return options.stream()
                .filter(option -> option.startsWith(prefix))
                .map(option -> option.substring(prefix.length()))
                .findFirst();
    }

    /**
     * Reads a list of mounts, as JSON of containerd's messages.
     *
     * @throws CorruptImageException if it is no such list
     */
    public static List<RootfsMount> readList(String what, byte[] text) throws CorruptImageException {
        JsonValue list = JsonParser.parse(what, text);
        List<JsonValue> elements = list.array();
        if (elements.size() > MAX_MOUNTS) {
            throw list.broken("has " + elements.size() + " mounts, at most " + MAX_MOUNTS);
        }
        List<RootfsMount> mounts = new ArrayList<>();
        for (JsonValue element : elements) {
            JsonObject mount = element.object();
            mount.refuseUnknown(MEMBERS);
            List<String> options = mount.strings("options");
            if (options.size() > MAX_OPTIONS) {
                throw element.broken("has " + options.size() + " options, at most " + MAX_OPTIONS);
            }
            mounts.add(new RootfsMount(
                    mount.string("type", ""), mount.string("source", ""), mount.string("target", ""), options));
        }
        return mounts;
    }
}
