package io.lamina.host.store;

import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.oci.Digest;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A layer blob at rest, immutable.
 *
 * @param diffId sha256 of the layer's uncompressed tar
 * @param hashes what a hash tree needs of the blob
 * @param blob the EROFS image, a multiple of 512 KiB long
 * @param leaves the level-0 hashes of the blob
 * @param recipe what turns the blob into the layer's tar again; a store that an earlier version wrote may lack it
 * @param elsewhere whether it lies in a read-only store, whose owner may change it
 */
public record StoredBlob(Digest diffId, PartHashes hashes, Path blob, Path leaves, Path recipe, boolean elsewhere) {
    /** Opens it for reading; what lies elsewhere is checked as it is read. */
    public BlobSource open() throws IOException {
        return BlobSource.open(this);
    }

    /** Length of the blob in blocks of 4096 bytes. */
    public long blocks() {
        return hashes.dataBlocks();
    }

    /** The blob as a part of a device. */
    public DevicePart part() {
        long sizeBytes = blocks() * hashes.geometry().dataBlockSizeBytes();
        return new DevicePart(
                diffId.toString(),
                new Extent.FileExtent(0, sizeBytes, blob, 0),
                new Extent.FileExtent(0, blocks() * VerityGeometry.HASH_BYTES, leaves, 0),
                hashes);
    }
}
