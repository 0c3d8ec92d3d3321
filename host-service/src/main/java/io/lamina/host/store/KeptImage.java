package io.lamina.host.store;

import io.lamina.images.oci.Digest;
import java.util.List;

/**
 * An image of one platform, as a store has it: all of its layers are there as blobs.
 *
 * @param digest of its manifest; for one that came without, what {@code StoredImage} calls it
 * @param platform such as {@code linux/amd64}
 * @param manifest its manifest, or {@link ImageDocument#NONE}
 * @param config its configuration
 * @param layers base first
 */
public record KeptImage(
        Digest digest, String platform, ImageDocument manifest, ImageDocument config, List<Layer> layers) {
    /** Keeps a copy. */
    public KeptImage {
        layers = List.copyOf(layers);
    }

    /**
     * A layer of an image.
     *
     * @param blob what it was converted to
     * @param digest of its stored, maybe compressed, bytes as the manifest says
     * @param mediaType of those bytes
     * @param storedBytes their length
     */
    public record Layer(BlobName blob, Digest digest, String mediaType, long storedBytes) {}

    /** The layers' blobs, base first. */
    public List<BlobName> blobs() {
        return layers.stream().map(Layer::blob).toList();
    }
}
