package io.lamina.host.run;

import io.lamina.host.store.BlobStore;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.UpperLayer;
import io.lamina.images.statement.Validity;
import io.lamina.linux.OwnedFd;
import java.util.List;

/**
 * An image as a device.
 *
 * @param device the extents of fsmeta, layers and hash tree
 * @param fsmeta the merged metadata
 * @param layers the blobs, base first
 */
public record FlattenedImage(FlattenedDevice device, FsmetaFile fsmeta, List<StoredBlob> layers)
        implements AutoCloseable {
    /**
     * The merged metadata, in memory.
     *
     * @param memory a sealed memory file that an extent of the device names
     * @param digest sha256 of its bytes
     * @param blocks its length in blocks of 4096 bytes
     * @param inodes how many inodes the merged tree has
     */
    public record FsmetaFile(OwnedFd memory, Digest digest, long blocks, long inodes) {}

    /** What a guest may be told of this device as that of {@code image}. */
    ImageStatement statement(String reference, StoredImage image) {
        List<ImageStatement.Layer> named = layers.stream()
                .map(blob -> new ImageStatement.Layer(
                        blob.diffId(), blob.blocks(), blob.hashes().rootHash()))
                .toList();
        return new ImageStatement(
                new ImageStatement.Image(reference, image.manifestDigest(), image.configDigest(), 0),
                new ImageStatement.Contents(
                        BlobStore.FORMAT_VERSION, new ImageStatement.Fsmeta(fsmeta.digest, fsmeta.blocks), named),
                new ImageStatement.VerityTable(
                        device.geometry(), device.dataBlocks(), device.hashStartBlock(), device.rootHash()),
                UpperLayer.MEMORY,
                Validity.UNLIMITED);
    }

    @Override
    public void close() {
        fsmeta.memory.close();
    }
}
