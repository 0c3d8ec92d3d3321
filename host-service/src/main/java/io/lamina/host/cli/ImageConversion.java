package io.lamina.host.cli;

import io.lamina.host.content.ContentStore;
import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.flatten.ImagePreparation;
import io.lamina.host.flatten.Steps;
import io.lamina.host.run.Installation;
import io.lamina.host.store.BlobName;
import io.lamina.host.store.BlobStore;
import io.lamina.host.store.ImageDocument;
import io.lamina.host.store.KeptImage;
import io.lamina.host.store.LeaseStore;
import io.lamina.host.store.Store;
import io.lamina.host.store.StoreRoot;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.oci.ImageConfig;
import io.lamina.images.oci.ImageReference;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** From an image that is here to blobs in the store, which the image keeps from collection from then on. */
final class ImageConversion {
    private ImageConversion() {}

    static StoreRoot storeRoot() {
        return StoreRoot.in(Installation.current().home().resolve("store"));
    }

    /** Converts what is not converted, and tells the root hash. */
    static void convert(ContentStore images, String name, Answer answer) throws IOException, InterruptedException {
        StoredImage stored = open(images.root(), name);
        BlobStore blobs = BlobStore.open(storeRoot().images());
        try (FlattenedImage flattened = new ImagePreparation(blobs, new Steps(System.err, false)).flatten(stored);
                Store store = Store.openBeside(storeRoot())) {
            LeaseStore.Lease lease = store.leases().take("convert " + name);
            for (StoredBlob blob : flattened.layers()) {
                var _ = store.layers().find(blob.diffId(), lease);
            }
            keep(
                    store,
                    name,
                    stored,
                    flattened.layers().stream().map(BlobName::of).toList());
            store.leases().end(lease.id());
            answer.with("root hash", "rootHash", flattened.device().rootHash().hex());
        }
    }

    /** An image of the layout, whatever its platform is. */
    static StoredImage open(Path layout, String name) throws IOException {
        return new ImageReference.OciLayout(layout, Optional.of(name)).open();
    }

    /** Notes in the store that the image has these blobs, which a lease holds. */
    static void keep(Store store, String name, StoredImage stored, List<BlobName> blobs) throws IOException {
        List<KeptImage.Layer> layers = new ArrayList<>();
        for (int i = 0; i < blobs.size(); i++) {
            StoredLayer layer = stored.layers().get(i);
            layers.add(new KeptImage.Layer(blobs.get(i), layer.digest(), layer.mediaType(), layer.sizeBytes()));
        }
        store.images()
                .add(new KeptImage(
                        stored.manifestDigest(),
                        ImageConfig.parse(stored.configBytes()).platform().toString(),
                        ImageDocument.of(stored.manifestBytes()),
                        ImageDocument.of(stored.configBytes()),
                        layers));
        store.images().tag(name, stored.manifestDigest(), Optional.empty());
    }

    /** Notes in the store that this name is gone, and images that have no other. */
    static void forget(String name) throws IOException {
        try (Store store = Store.openBeside(storeRoot())) {
            for (var known : store.images().names()) {
                if (known.name().equals(name)) {
                    boolean _ = store.images().untag(name, known.platform());
                    boolean other = store.images().names().stream()
                            .anyMatch(left -> left.image().equals(known.image()));
                    if (!other) {
                        boolean _ = store.images().remove(known.image());
                    }
                }
            }
        }
    }
}
