package io.lamina.images.merge;

import io.lamina.images.UnsupportedImageException;
import io.lamina.images.erofs.ErofsImage;

/**
 * Where the data of a layer lies: in the blob itself, or, as with a tar-index, on the one device that it names.
 *
 * @param ownDeviceId the device's number within the layer, 0 for the blob itself
 * @param blocks of it, as the layer tells them
 */
record LayerData(int ownDeviceId, long blocks) {
    static LayerData of(ErofsImage image) throws UnsupportedImageException {
        return switch (image.devices().size()) {
            case 0 -> new LayerData(0, image.superblock().areas().blocks());
            case 1 -> new LayerData(1, image.devices().getFirst().blocks());
            default ->
                throw new UnsupportedImageException(
                        image.name(),
                        "data on " + image.devices().size() + " devices; a layer to be merged has one at most");
        };
    }
}
