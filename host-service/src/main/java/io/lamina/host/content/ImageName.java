package io.lamina.host.content;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.MediaType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A name of an image in a layout's index.
 *
 * @param name such as {@code docker.io/library/debian:12}
 * @param target the manifest or index
 */
public record ImageName(String name, Descriptor target) {
    private static final String REF_NAME = "org.opencontainers.image.ref.name";

    /** The name for a manifest or index that has these bytes. */
    public static ImageName of(String name, String mediaType, byte[] document) {
        return new ImageName(
                name,
                new Descriptor(
                        mediaType,
                        io.lamina.images.oci.Digest.ofContent(document),
                        document.length,
                        null,
                        List.of(name)));
    }

    static List<ImageName> parseAll(byte[] index) throws CorruptImageException {
        JsonValue manifests = JsonParser.parse("index.json", index).object().optional("manifests");
        List<ImageName> names = new ArrayList<>();
        if (manifests != null) {
            for (Descriptor target : Descriptor.parseAll(manifests)) {
                target.names().stream().findFirst().ifPresent(name -> names.add(new ImageName(name, target)));
            }
        }
        return names;
    }

    static byte[] write(List<ImageName> names) {
        List<Object> manifests = new ArrayList<>();
        for (ImageName image : names) {
            Map<String, Object> entry = new TreeMap<>();
            entry.put("mediaType", image.target.mediaType());
            entry.put("digest", image.target.digest().toString());
            entry.put("size", image.target.sizeBytes());
            entry.put("annotations", Map.of(REF_NAME, image.name));
            manifests.add(entry);
        }
        return JsonWriter.write(Map.of("schemaVersion", 2, "mediaType", MediaType.OCI_INDEX, "manifests", manifests));
    }
}
