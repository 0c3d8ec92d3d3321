package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonValue;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A content descriptor (OCI image-spec v1.1.1, descriptor.md), as far as images need it. Its {@code urls} and
 * {@code data} are not used: content comes from where the image is.
 *
 * @param mediaType what the content is
 * @param digest of the content
 * @param sizeBytes length of the content, 0 or more
 * @param platform what it runs on, within an index; null where it is not said
 * @param names what an index calls it: its reference name, and containerd's name for it
 */
public record Descriptor(
        String mediaType,
        Digest digest,
        long sizeBytes,
        @Nullable Platform platform,
        List<String> names) {
    private static final String REF_NAME = "org.opencontainers.image.ref.name";
    private static final String CONTAINERD_NAME = "io.containerd.image.name";

    /** Keeps a copy. */
    public Descriptor {
        names = List.copyOf(names);
    }

    /** Reads a descriptor. */
    public static Descriptor parse(JsonValue value) throws CorruptImageException {
        JsonObject descriptor = value.object();
        List<String> names = new ArrayList<>();
        JsonValue annotations = descriptor.optional("annotations");
        if (annotations != null) {
            for (String key : List.of(REF_NAME, CONTAINERD_NAME)) {
                JsonValue name = annotations.object().optional(key);
                if (name != null) {
                    names.add(name.string());
                }
            }
        }
        return new Descriptor(
                descriptor.required("mediaType").string(),
                Digest.parse(descriptor.required("digest").string()),
                descriptor.required("size").integer(0, Long.MAX_VALUE),
                Platform.parse(descriptor.optional("platform")),
                names);
    }

    /** Reads an array of descriptors. */
    public static List<Descriptor> parseAll(JsonValue array) throws CorruptImageException {
        List<Descriptor> descriptors = new ArrayList<>();
        for (JsonValue element : array.array()) {
            descriptors.add(parse(element));
        }
        return List.copyOf(descriptors);
    }
}
