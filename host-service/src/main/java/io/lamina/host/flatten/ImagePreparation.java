package io.lamina.host.flatten;

import static java.nio.file.StandardOpenOption.READ;

import io.lamina.host.store.BlobStore;
import io.lamina.host.store.KeptImage;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreRoot;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.CorruptImageException;
import io.lamina.images.device.DevicePart;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.ConvertedLayer;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.merge.LayerImage;
import io.lamina.images.oci.LayerStream;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** From a stored image to a device with a root hash: layers to blobs, blobs to fsmeta, parts to a flattened device. */
public final class ImagePreparation {
    private final BlobStore store;
    private final Steps steps;
    private final NativeLayers nativeLayers;

    public ImagePreparation(BlobStore store, Steps steps) {
        this.store = store;
        this.steps = steps;
        this.nativeLayers = new NativeLayers(() -> store);
    }

    /** The layers of an image as blobs, base first, and how many of them were made now. */
    private record Layers(List<StoredBlob> baseFirst, int converted) {}

    /** The flattened device of {@code image}; what is new of its layers is in the store afterwards. */
    public FlattenedImage flatten(StoredImage image) throws IOException, InterruptedException {
        Layers layers = steps.step("layers", () -> layers(image), ImagePreparation::describe);
        copied().forEach(layer -> steps.say(layer.sentence()));
        FsmetaFile fsmeta = steps.step("fsmeta", () -> merge(layers.baseFirst), ImagePreparation::describe);
        try {
            FlattenedDevice device = steps.step(
                    "root hash",
                    () -> compose(fsmeta, layers.baseFirst),
                    made -> made.rootHash() + " over " + made.dataBlocks() + " blocks");
            return new FlattenedImage(device, fsmeta, layers.baseFirst);
        } catch (IOException | InterruptedException | RuntimeException failure) {
            fsmeta.close();
            throw failure;
        }
    }

    /** Layers that are EROFS images and were copied, since they cannot be merged as they are. */
    public List<NativeLayers.Copied> copied() {
        return nativeLayers.copied();
    }

    private Layers layers(StoredImage image) throws IOException, InterruptedException {
        AtomicInteger converted = new AtomicInteger();
        List<Future<StoredBlob>> pending = new ArrayList<>();
        List<StoredBlob> blobs = new ArrayList<>();
        // Conversion is bound by processors: hashing and inflating. More threads than those would only take memory.
        try (ExecutorService pool =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            for (int i = 0; i < image.layers().size(); i++) {
                int position = i;
                pending.add(pool.submit(() -> blob(image, position, converted)));
            }
            for (Future<StoredBlob> layer : pending) {
                blobs.add(layer.get());
            }
        } catch (ExecutionException failure) {
            throw failure.getCause() instanceof IOException told ? told : new IOException(failure.getCause());
        }
        return new Layers(blobs, converted.get());
    }

    private StoredBlob blob(StoredImage image, int position, AtomicInteger converted) throws IOException {
        StoredLayer layer = image.layers().get(position);
        Optional<StoredBlob> known = store.find(layer.diffId());
        if (known.isPresent()) {
            if (layer.isErofs()) {
                nativeLayers.found(layer, known.get());
            }
            return known.get();
        }
        if (!layer.isHere()) {
            return kept(image, position);
        }
        converted.incrementAndGet();
        if (layer.isErofs()) {
            return nativeLayers.add(layer);
        }
        return store.add((blob, leaves, recipe) -> {
            try (InputStream tar = LayerStream.unverified(layer)) {
                ConvertedLayer made = LayerConverter.convert(tar, blob, leaves, recipe);
                if (!made.diffId().equals(layer.diffId())) {
                    throw new CorruptImageException(
                            "layer " + layer.digest(),
                            "its tar has the diffID " + made.diffId() + ", the image's configuration says "
                                    + layer.diffId());
                }
                return made.diffId();
            }
        });
    }

    /** The blob of a layer that came converted: it serves this image alone, whose statement names it. */
    private StoredBlob kept(StoredImage image, int position) throws IOException {
        try (Store all = Store.openBeside(StoreRoot.in(store.root()))) {
            Optional<KeptImage> known = all.images().find(image.manifestDigest());
            if (known.isPresent()) {
                return all.layers().here(known.get().blobs().get(position));
            }
        }
        throw new CorruptImageException(
                image.layers().get(position).toString(),
                "is neither here as it was stored nor converted; pull the image again");
    }

    private static FsmetaFile merge(List<StoredBlob> baseFirst) throws IOException {
        List<FileChannel> open = new ArrayList<>();
        try {
            List<LayerImage> layers = new ArrayList<>();
            for (StoredBlob blob : baseFirst) {
                FileChannel channel = FileChannel.open(blob.blob(), READ);
                open.add(channel);
                layers.add(LayerImage.of(ErofsImage.open("layer " + blob.diffId(), channel), blob.diffId()));
            }
            return FsmetaFile.merge(layers);
        } finally {
            for (FileChannel channel : open) {
                channel.close();
            }
        }
    }

    private static FlattenedDevice compose(FsmetaFile fsmeta, List<StoredBlob> baseFirst) throws IOException {
        List<DevicePart> parts = new ArrayList<>();
        parts.add(fsmeta.part(VerityGeometry.STANDARD));
        baseFirst.forEach(blob -> parts.add(blob.part()));
        return FlattenedDevice.compose(parts);
    }

    private static String describe(Layers layers) {
        long blocks = layers.baseFirst.stream().mapToLong(StoredBlob::blocks).sum();
        return layers.baseFirst.size() + " blobs of " + (blocks >> 8) + " MiB together, " + layers.converted
                + " of them converted now";
    }

    private static String describe(FsmetaFile fsmeta) {
        return fsmeta.inodes() + " inodes in " + (fsmeta.sizeBytes() >> 10) + " KiB, merged";
    }
}
