package io.lamina.host.containerd;

import io.lamina.host.containerd.Differ.Described;
import io.lamina.host.flatten.StoredDevices;
import io.lamina.host.ops.Metrics;
import io.lamina.host.store.BlobName;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.Manifest;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Converts the layers of an image before containerd asks for them, which it does one after the other: when the first one
 * comes to be unpacked, containerd's content store knows the manifest that has it, and so what will follow. When all are
 * converted they are merged, so that the first container finds its tree. What fails here is left to be told by the call
 * that will ask for it. Any thread may call.
 */
final class ConvertAhead implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ConvertAhead.class);

    /** containerd's label of a manifest for its first layer (containerd v2.1, core/images/labels.go). */
    private static final String FIRST_LAYER_LABEL = "containerd.io/gc.ref.content.l.0";

    private static final int MAX_MANIFEST_BYTES = 4 << 20;
    private static final long PAUSE_MILLIS = 50;
    private static final long PATIENCE_MILLIS = 600_000;

    private final Containerd containerd;
    private final Conversions conversions;
    private final StoredDevices devices;
    private final Metrics metrics;
    private final Semaphore turns;
    private final Map<Digest, Thread> working = new ConcurrentHashMap<>();

    /** @param atOnce how many layers may be converted at once, beside those that are asked for */
    ConvertAhead(Containerd containerd, Conversions conversions, StoredDevices devices, Metrics metrics, int atOnce) {
        this.containerd = containerd;
        this.conversions = conversions;
        this.devices = devices;
        this.metrics = metrics;
        this.turns = new Semaphore(atOnce);
    }

    /** A layer is asked for; if it is the first one of an image, the others are begun with. Does not wait. */
    void asked(Digest layer, String namespace) {
        working.computeIfAbsent(
                layer,
                _ -> Thread.ofVirtual().name("ahead-" + layer.hex()).start(() -> {
                    try {
                        others(layer, namespace);
                    } catch (IOException | RuntimeException failure) {
                        LOG.atDebug().setCause(failure).log("nothing was converted ahead");
                    } catch (InterruptedException stopped) {
                        Thread.currentThread().interrupt();
                    } finally {
                        working.remove(layer);
                    }
                }));
    }

    private void others(Digest first, String namespace) throws IOException, InterruptedException {
        Set<Digest> manifests = containerd.find("labels.\"" + FIRST_LAYER_LABEL + "\"==" + first, namespace);
        for (Digest manifest : manifests) {
            List<Described> layers = layers(manifest, namespace);
            if (layers.size() < 2 || !layers.getFirst().digest().equals(first)) {
                continue;
            }
            List<Thread> threads = new ArrayList<>();
            BlobName[] blobs = new BlobName[layers.size()];
            for (int i = 1; i < layers.size(); i++) {
                int position = i;
                threads.add(Thread.ofVirtual().start(() -> convert(layers.get(position), namespace, blobs, position)));
            }
            try {
                for (Thread thread : threads) {
                    thread.join();
                }
            } catch (InterruptedException stopped) {
                threads.forEach(Thread::interrupt);
                throw stopped;
            }
            blobs[0] = conversions.converted(layers.getFirst(), namespace).blob();
            List<BlobName> chain = new ArrayList<>();
            for (BlobName blob : blobs) {
                if (blob == null) {
                    return;
                }
                chain.add(blob);
            }
            var _ = devices.fsmeta(chain);
        }
    }

    private List<Described> layers(Digest manifest, String namespace) throws IOException {
        byte[] json;
        try (InputStream content = containerd.open(manifest, namespace)) {
            json = content.readNBytes(MAX_MANIFEST_BYTES);
        }
        List<Described> layers = new ArrayList<>();
        for (Descriptor layer : Manifest.parse(json).layers()) {
            if (LayerMediaType.of(layer.mediaType()).isEmpty()) {
                return List.of(); // another differ's, and then it is not known what the tree will be
            }
            layers.add(new Described(layer.mediaType(), layer.digest(), layer.sizeBytes(), Map.of()));
        }
        return layers;
    }

    private void convert(Described layer, String namespace, BlobName[] into, int position) {
        try {
            // It may still be on its way to containerd.
            for (long waited = 0; !containerd.hasFile(layer.digest()); waited += PAUSE_MILLIS) {
                if (waited > PATIENCE_MILLIS) {
                    return;
                }
                Thread.sleep(PAUSE_MILLIS);
            }
            turns.acquire();
            try {
                into[position] = conversions.converted(layer, namespace).blob();
                metrics.convertedAhead();
            } finally {
                turns.release();
            }
        } catch (IOException | RuntimeException failure) {
            LOG.atDebug().setCause(failure).log("a layer was not converted ahead");
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        working.values().forEach(Thread::interrupt);
    }
}
