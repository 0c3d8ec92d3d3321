package io.lamina.host.flatten;

import io.lamina.host.store.BlobStore;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.statement.ImageStatement;
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
    /** What a guest may be told of this device as that of {@code image}, on these terms. */
    public ImageStatement statement(ImageStatement.Terms terms, StoredImage image) {
        List<ImageStatement.Layer> named = layers.stream()
                .map(blob -> new ImageStatement.Layer(
                        blob.diffId(), blob.blocks(), blob.hashes().rootHash()))
                .toList();
        return new ImageStatement(
                new ImageStatement.Image(
                        terms.reference(), image.manifestDigest(), image.configDigest(), terms.version()),
                new ImageStatement.Contents(
                        BlobStore.FORMAT_VERSION,
                        new ImageStatement.Fsmeta(
                                fsmeta.digest(), fsmeta.merged().blocks()),
                        named),
                new ImageStatement.VerityTable(
                        device.geometry(), device.dataBlocks(), device.hashStartBlock(), device.rootHash()),
                terms.upperLayer(),
                terms.validity());
    }

    @Override
    public void close() {
        fsmeta.close();
    }
}
