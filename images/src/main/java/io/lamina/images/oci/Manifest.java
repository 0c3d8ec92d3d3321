package io.lamina.images.oci;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import java.util.List;
import java.util.function.Predicate;

/**
 * An image manifest (OCI image-spec v1.1.1, manifest.md; Docker's schema 2 means the same).
 *
 * @param config the image configuration
 * @param layers the layers, base first
 */
public record Manifest(Descriptor config, List<Descriptor> layers) {
    /** Keeps a copy. */
    public Manifest {
        layers = List.copyOf(layers);
    }

    /** Reads a manifest. One that could also be read as an index is refused, see {@link #checkKind}. */
    public static Manifest parse(byte[] json) throws CorruptImageException {
        JsonObject manifest = JsonParser.parse("manifest", json).object();
        checkKind(manifest, MediaType::isManifest, "manifests");
        JsonValue layers = manifest.required("layers");
        Manifest result = new Manifest(Descriptor.parse(manifest.required("config")), Descriptor.parseAll(layers));
        if (result.layers.size() > ImageConfig.MAX_LAYERS) {
            throw layers.broken("has more than " + ImageConfig.MAX_LAYERS + " elements");
        }
        return result;
    }

    /**
     * Refuses documents that two readers could take for different things (CVE-2021-41190): of another media type than
     * they say, or with the members of both a manifest and an index.
     */
    static void checkKind(JsonObject document, Predicate<String> isRight, String memberOfOther)
            throws CorruptImageException {
        document.required("schemaVersion").integer(2, 2);
        JsonValue mediaType = document.optional("mediaType");
        if (mediaType != null && !isRight.test(mediaType.string())) {
            throw mediaType.broken("is " + JsonValue.printable(mediaType.string()) + ", of another kind");
        }
        JsonValue other = document.optional(memberOfOther);
        if (other != null) {
            throw other.broken("does not belong into a document of this kind");
        }
    }
}
