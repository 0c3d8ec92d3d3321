package io.lamina.host.content;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonValue;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.Index;
import io.lamina.images.oci.Manifest;
import io.lamina.images.oci.MediaType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a manifest or index consists of.
 *
 * @param manifests the manifests, and the indexes that list them; what is referred to stands before what refers to it
 * @param blobs configurations and layers, each once
 */
public record ImageContent(List<Descriptor> manifests, List<Descriptor> blobs) {
    /** Most layers of an image that is taken from elsewhere; far beyond what builders make and overlayfs mounts. */
    public static final int MAX_LAYERS = 1000;

    private static final int MAX_INDEX_DEPTH = 4;

    /** Keeps copies. */
    public ImageContent {
        manifests = List.copyOf(manifests);
        blobs = List.copyOf(blobs);
    }

    /** Reads manifests until all is known; entries of an index whose manifests are not here are left out. */
    public static ImageContent of(ContentStore store, Descriptor target) throws IOException {
        List<Descriptor> manifests = new ArrayList<>();
        Map<Digest, Descriptor> blobs = new LinkedHashMap<>();
        collect(store, target, manifests, blobs, 0);
        return new ImageContent(manifests, List.copyOf(blobs.values()));
    }

    private static void collect(
            ContentStore store, Descriptor target, List<Descriptor> manifests, Map<Digest, Descriptor> blobs, int depth)
            throws IOException {
        if (depth > MAX_INDEX_DEPTH) {
            throw new CorruptImageException(
                    target.digest().toString(), "has more than " + MAX_INDEX_DEPTH + " indexes within each other");
        }
        byte[] document = store.read(target.digest());
        if (MediaType.isIndex(target.mediaType())) {
            for (Descriptor entry :
                    Index.parse("index " + target.digest(), document).manifests()) {
                boolean known = MediaType.isIndex(entry.mediaType()) || MediaType.isManifest(entry.mediaType());
                if (known && store.has(entry.digest())) {
                    collect(store, entry, manifests, blobs, depth + 1);
                }
            }
        } else {
            for (Descriptor blob : blobs(Manifest.parse(document))) {
                blobs.put(blob.digest(), blob);
            }
        }
        manifests.add(target);
    }

    /**
     * Configuration and layers of a manifest from elsewhere, each once.
     *
     * @throws CorruptImageException if there are more than {@link #MAX_LAYERS}, or one digest has two sizes
     */
    public static List<Descriptor> blobs(Manifest manifest) throws CorruptImageException {
        if (manifest.layers().size() > MAX_LAYERS) {
            throw new CorruptImageException(
                    "manifest", "has " + manifest.layers().size() + " layers, at most " + MAX_LAYERS + " are taken");
        }
        Map<Digest, Descriptor> once = new LinkedHashMap<>();
        once.put(manifest.config().digest(), manifest.config());
        for (Descriptor layer : manifest.layers()) {
            Descriptor same = once.putIfAbsent(layer.digest(), layer);
            if (same != null && same.sizeBytes() != layer.sizeBytes()) {
                throw new CorruptImageException(
                        "manifest",
                        "gives two sizes to " + layer.digest() + ", " + same.sizeBytes() + " and " + layer.sizeBytes()
                                + " bytes of " + JsonValue.printable(layer.mediaType()));
            }
        }
        return List.copyOf(once.values());
    }

    /** Digests of all that is reached from {@code target}; damaged or missing manifests lead nowhere. */
    static Set<Digest> reachable(ContentStore store, Descriptor target) {
        Set<Digest> all = new HashSet<>();
        all.add(target.digest());
        try {
            ImageContent content = of(store, target);
            content.manifests.forEach(manifest -> all.add(manifest.digest()));
            content.blobs.forEach(blob -> all.add(blob.digest()));
        } catch (IOException damaged) {
            // 'lamina pull' puts it in order again; what it would reuse is not known.
        }
        return all;
    }
}
