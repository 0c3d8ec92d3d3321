package io.lamina.host.containerd;

import io.lamina.host.containerd.Differ.Described;
import io.lamina.host.flatten.NativeLayers;
import io.lamina.host.ops.Metrics;
import io.lamina.host.store.BlobName;
import io.lamina.host.store.LayerStore;
import io.lamina.host.store.Store;
import io.lamina.images.CorruptImageException;
import io.lamina.images.layer.LayerConverter;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.LayerStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** Layers of containerd's content store as blobs of ours. Any thread may call. */
final class Conversions {
    private final Store store;
    private final Containerd containerd;
    private final Metrics metrics;
    private final Map<Digest, Object> converting = new ConcurrentHashMap<>();

    Conversions(Store store, Containerd containerd, Metrics metrics) {
        this.store = store;
        this.containerd = containerd;
        this.metrics = metrics;
    }

    /** The layer's blob; of several callers one converts. The layer is of a type that {@link LayerMediaType} knows. */
    LayerStore.Converted converted(Described layer, String namespace) throws IOException {
        synchronized (converting.computeIfAbsent(layer.digest(), _ -> new Object())) {
            try {
                Optional<LayerStore.Converted> known = store.layers().converted(layer.digest());
                if (known.isPresent()) {
                    metrics.conversionHit();
                    return known.get();
                }
                LayerStore.Converted made = convert(layer, namespace);
                store.layers().converted(layer.digest(), made);
                metrics.converted(made.tarBytes());
                return made;
            } finally {
                converting.remove(layer.digest());
            }
        }
    }

    private LayerStore.Converted convert(Described layer, String namespace) throws IOException {
        LayerMediaType type = LayerMediaType.of(layer.mediaType()).orElseThrow();
        String name = "layer " + layer.digest();
        // gzip has a checksum of its own; of all else the stored bytes are hashed.
        boolean hashing = type != LayerMediaType.GZIP;
        long[] bytes = new long[1];
        BlobName blob = store.layers().add((image, leaves, recipe) -> {
            try (LayerSource stored = new LayerSource(containerd.open(layer.digest(), namespace), hashing);
                    LayerSource plain =
                            new LayerSource(LayerStream.detected(name, stored), type == LayerMediaType.EROFS)) {
                Digest diffId = type == LayerMediaType.EROFS
                        ? takeImage(name, plain, image, leaves, recipe)
                        : LayerConverter.convert(plain, image, leaves, recipe).diffId();
                if (hashing && !stored.digest().equals(layer.digest())) {
                    throw new CorruptImageException(name, "containerd's copy has another digest");
                }
                bytes[0] = plain.bytes();
                return diffId;
            }
        });
        return new LayerStore.Converted(blob, bytes[0]);
    }

    /** A layer that is an EROFS image already: its diffID is that of the image itself. */
    private static Digest takeImage(
            String name, LayerSource image, FileChannel blob, FileChannel leaves, FileChannel recipe)
            throws IOException {
        Optional<String> _ = NativeLayers.take(name, image, blob, leaves, recipe);
        return image.digest();
    }
}
