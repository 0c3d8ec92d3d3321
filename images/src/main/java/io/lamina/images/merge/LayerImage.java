package io.lamina.images.merge;

import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.oci.Digest;

/**
 * A layer to be merged.
 *
 * @param image the layer blob, opened; it stays open during the merge
 * @param tag what the device table calls it, at most 64 Latin-1 characters
 */
public record LayerImage(ErofsImage image, String tag) {
    /** A layer that goes by its diffID. */
    public static LayerImage of(ErofsImage image, Digest diffId) {
        return new LayerImage(image, diffId.hex());
    }
}
