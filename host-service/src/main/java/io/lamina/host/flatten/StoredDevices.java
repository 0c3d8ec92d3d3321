package io.lamina.host.flatten;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.store.BlobName;
import io.lamina.host.store.BlobSource;
import io.lamina.host.store.FsmetaStore.StoredFsmeta;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.DevicePart;
import io.lamina.images.device.Extent;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.merge.Merger;
import io.lamina.images.verity.PartHashes;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/** The flattened devices of a store's chains of layers. Any thread may call. */
public final class StoredDevices {
    private final Store store;
    private final LongAdder merges = new LongAdder();

    public StoredDevices(Store store) {
        this.store = store;
    }

    /** How often layers were merged so far, rather than found merged. */
    public long merges() {
        return merges.sum();
    }

    /** The merged tree of these layers, made now if nobody has asked for it before. */
    public StoredFsmeta fsmeta(List<BlobName> baseFirst) throws IOException {
        return store.fsmetas().findOrMerge(baseFirst, (image, leaves) -> {
            merges.increment();
            merge(baseFirst, image, leaves);
        });
    }

    /** Makes sure that the blobs are in this store, for readers that check nothing. */
    public void bringHere(List<BlobName> layers) throws IOException {
        for (BlobName layer : layers) {
            StoredBlob _ = store.layers().here(layer);
        }
    }

    private void merge(List<BlobName> baseFirst, FileChannel image, FileChannel leaves) throws IOException {
        List<BlobSource> open = new ArrayList<>();
        try {
            List<LayerImage> layers = new ArrayList<>();
            for (BlobName name : baseFirst) {
                BlobSource source = store.layers().get(name).open();
                open.add(source);
                layers.add(LayerImage.of(ErofsImage.open("layer " + name.diffId(), source), name.diffId()));
            }
            Merger.merge(layers, image);
            FsmetaLeaves.write(image, leaves);
        } finally {
            for (BlobSource source : open) {
                source.close();
            }
        }
    }

    /** The device of a merged tree, its layers and its hash tree. */
    public FlattenedDevice device(StoredFsmeta fsmeta) throws IOException {
        List<DevicePart> parts = new ArrayList<>();
        PartHashes hashes;
        long leavesBytes;
        try (FileChannel leaves = FileChannel.open(fsmeta.leaves(), READ)) {
            hashes = PartHashes.ofLeaves(VerityGeometry.STANDARD, leaves);
            leavesBytes = leaves.size();
        }
        long sizeBytes = hashes.dataBlocks() * VerityGeometry.STANDARD.dataBlockSizeBytes();
        parts.add(new DevicePart(
                "fsmeta",
                new Extent.FileExtent(0, sizeBytes, fsmeta.image(), 0),
                new Extent.FileExtent(0, leavesBytes, fsmeta.leaves(), 0),
                hashes));
        for (BlobName name : fsmeta.layers()) {
            parts.add(store.layers().get(name).part());
        }
        return FlattenedDevice.compose(parts);
    }
}
