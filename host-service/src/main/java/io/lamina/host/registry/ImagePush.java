package io.lamina.host.registry;

import io.lamina.host.content.ContentStore;
import io.lamina.host.content.ImageContent;
import io.lamina.host.content.ImageName;
import io.lamina.images.oci.Descriptor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Puts images of a content store into registries, byte by byte what they are here. */
public final class ImagePush {
    private final RegistryClient client;
    private final ContentStore store;
    private final int parallel;
    private final TransferListener listener;

    /** @param parallel how many blobs at once, 1 or more */
    public ImagePush(RegistryClient client, ContentStore store, int parallel, TransferListener listener) {
        this.client = client;
        this.store = store;
        this.parallel = parallel;
        this.listener = listener;
    }

    /** Puts {@code image} there as {@code target}. */
    public void push(ImageName image, RemoteName target) throws IOException {
        ImageContent content = ImageContent.of(store, image.target());
        for (Descriptor blob : content.blobs()) {
            if (!store.has(blob.digest())) {
                throw new IOException(image.name() + ": its blob " + blob.digest()
                        + " is not here as the registry had it; pull it whole with 'lamina pull --no-native "
                        + image.name() + "'");
            }
        }
        Repository repository = client.repository(target);
        Optional<String> mountFrom = mountFrom(image.name(), target);
        List<Transfers.Transfer> transfers = new ArrayList<>();
        for (Descriptor blob : content.blobs()) {
            transfers.add(() -> repository.putBlob(blob, store.path(blob.digest()), mountFrom, listener));
        }
        Transfers.run(transfers, parallel);
        for (Descriptor manifest : content.manifests()) {
            boolean top = manifest.digest().equals(image.target().digest());
            String reference = top ? target.reference() : manifest.digest().toString();
            boolean _ = repository.putManifest(reference, manifest.mediaType(), store.read(manifest.digest()));
        }
    }

    /** Where the registry may have the layers already: the repository that the image came from. */
    private static Optional<String> mountFrom(String name, RemoteName target) {
        try {
            RemoteName from = RemoteName.parse(name);
            boolean other =
                    from.host().equals(target.host()) && !from.repository().equals(target.repository());
            return other ? Optional.of(from.repository()) : Optional.empty();
        } catch (IllegalArgumentException fromElsewhere) {
            return Optional.empty();
        }
    }
}
