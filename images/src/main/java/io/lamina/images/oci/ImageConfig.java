package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An image configuration (OCI image-spec v1.1.1, config.md): how a container of this image starts, and its layers'
 * diffIDs. Members that are {@code null} count as absent and unknown ones are skipped: Docker writes both.
 *
 * @param platform what the image runs on
 * @param execution what is run, and how
 * @param diffIds digests of the uncompressed layers, base first
 */
public record ImageConfig(Platform platform, Execution execution, List<Digest> diffIds) {
    /** Most layers that we read; far beyond what any runtime can mount. */
    public static final int MAX_LAYERS = 65535;

    /**
     * What a container runs by default; empty where the image says nothing.
     *
     * @param entrypoint first words of the command
     * @param cmd words that follow, or the whole command if there is no entrypoint
     * @param env {@code NAME=value}, in their order
     * @param workingDir absolute path, or empty for {@code /}
     * @param user {@code user}, {@code uid}, {@code user:group}, …, or empty for root
     */
    public record Execution(
            List<String> entrypoint, List<String> cmd, List<String> env, String workingDir, String user) {
        /** Keeps copies. */
        public Execution {
            entrypoint = List.copyOf(entrypoint);
            cmd = List.copyOf(cmd);
            env = List.copyOf(env);
        }
    }

    /** Keeps a copy. */
    public ImageConfig {
        diffIds = List.copyOf(diffIds);
    }

    /**
     * Reads a configuration.
     *
     * @throws CorruptImageException if {@code json} is no JSON object within {@link JsonParser}'s limits, or a member is
     *     of the wrong kind; or if a string that a process is given contains a NUL, which no process can get
     */
    public static ImageConfig parse(byte[] json) throws CorruptImageException {
        JsonObject config = JsonParser.parse("image configuration", json).object();
        Platform platform =
                new Platform(config.string("os", ""), config.string("architecture", ""), config.string("variant", ""));
        JsonObject rootfs = config.required("rootfs").object();
        JsonValue type = rootfs.required("type");
        if (!type.string().equals("layers")) {
            throw type.broken("is not \"layers\"");
        }
        JsonValue diffIds = rootfs.optional("diff_ids");
        return new ImageConfig(
                platform, execution(config.optional("config")), diffIds == null ? List.of() : digests(diffIds));
    }

    private static Execution execution(@Nullable JsonValue member) throws CorruptImageException {
        if (member == null) {
            return new Execution(List.of(), List.of(), List.of(), "", "");
        }
        JsonObject config = member.object();
        Execution execution = new Execution(
                config.strings("Entrypoint"),
                config.strings("Cmd"),
                config.strings("Env"),
                config.string("WorkingDir", ""),
                config.string("User", ""));
        List<String> all = new ArrayList<>(execution.entrypoint);
        all.addAll(execution.cmd);
        all.addAll(execution.env);
        all.add(execution.workingDir);
        all.add(execution.user);
        for (String text : all) {
            if (text.indexOf('\0') >= 0) {
                throw member.broken("has a NUL within " + JsonValue.printable(text));
            }
        }
        return execution;
    }

    private static List<Digest> digests(JsonValue array) throws CorruptImageException {
        List<Digest> digests = new ArrayList<>();
        for (JsonValue element : array.array()) {
            if (digests.size() == MAX_LAYERS) {
                throw array.broken("has more than " + MAX_LAYERS + " elements");
            }
            digests.add(Digest.parse(element.string()));
        }
        return digests;
    }
}
