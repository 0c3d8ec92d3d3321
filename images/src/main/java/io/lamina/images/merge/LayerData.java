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
            case 1 -> {
                long blocks = image.devices().getFirst().blocks();
                if (blocks == 0) {
                    throw new UnsupportedImageException(
                            image.name(),
                            "its device table does not tell how large its device is, as with mkfs.erofs before 1.9; "
                                    + "make the image anew");
                }
                yield new LayerData(1, blocks);
            }
            default ->
                throw new UnsupportedImageException(
                        image.name(),
                        "data on " + image.devices().size()
                                + " devices, as merged metadata has it; merge the layers that it was made of");
        };
    }
}
