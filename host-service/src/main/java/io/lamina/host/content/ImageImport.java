package io.lamina.host.content;

import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.Index;
import io.lamina.images.oci.Manifest;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.Platform;
import io.lamina.images.oci.StoredImage;
import io.lamina.images.oci.StoredLayer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Takes images from other places of this machine. */
public final class ImageImport {
    private static final String CONTAINERD = "io.containerd.content.v1.content/blobs/sha256";
    private static final int MAX_INDEX_DEPTH = 4;

    private final ContentStore store;

    public ImageImport(ContentStore store) {
        this.store = store;
    }

    /** Takes an image of a layout or an archive, and names it. A {@code docker save} has no manifest: one is made. */
    public ImageName take(StoredImage image, String name) throws IOException {
        for (StoredLayer layer : image.layers()) {
            if (!store.touch(layer.digest())) {
                try (InputStream bytes = layer.open()) {
                    store.put(layer.digest(), bytes);
                }
            }
        }
        Digest _ = store.put(image.configBytes());
        byte[] manifest = image.manifestBytes().length == 0 ? manifest(image) : image.manifestBytes();
        Digest _ = store.put(manifest);
        ImageName named = ImageName.of(name, mediaType(manifest), manifest);
        store.name(named);
        return named;
    }

    private static String mediaType(byte[] manifest) throws CorruptImageException {
        return JsonParser.parse("manifest", manifest).object().string("mediaType", MediaType.OCI_MANIFEST);
    }

    private static byte[] manifest(StoredImage image) {
        List<Object> layers = new ArrayList<>();
        for (StoredLayer layer : image.layers()) {
            layers.add(describe(layer.mediaType(), layer.digest(), layer.sizeBytes()));
        }
        Map<String, Object> members = new TreeMap<>();
        members.put("schemaVersion", 2);
        members.put("mediaType", MediaType.OCI_MANIFEST);
        members.put("config", describe(MediaType.OCI_CONFIG, image.configDigest(), image.configBytes().length));
        members.put("layers", layers);
        return JsonWriter.write(members);
    }

    private static Map<String, Object> describe(String mediaType, Digest digest, long sizeBytes) {
        return Map.of("mediaType", mediaType, "digest", digest.toString(), "size", sizeBytes);
    }

    /**
     * Takes an image of containerd's content store, and names it.
     *
     * @param root containerd's, such as {@code /var/lib/containerd}
     * @param target the manifest or index, as {@code ctr images ls} tells it
     */
    public ImageName takeContainerd(Path root, Digest target, Platform platform, String name) throws IOException {
        Path blobs = root.resolve(CONTAINERD);
        if (!Files.isDirectory(blobs)) {
            throw new NoSuchFileException(blobs.toString());
        }
        Digest at = target;
        byte[] document = small(blobs, at);
        for (int depth = 0; isIndex(document); depth++) {
            if (depth == MAX_INDEX_DEPTH) {
                throw new CorruptImageException(
                        target.toString(), "has more than " + MAX_INDEX_DEPTH + " indexes within each other");
            }
            at = Index.parse("index " + at, document)
                    .forPlatform("index " + at, platform)
                    .digest();
            document = small(blobs, at);
        }
        for (Descriptor blob : ImageContent.blobs(Manifest.parse(document))) {
            Path file = blobs.resolve(blob.digest().hex());
            if (!Files.isRegularFile(file)) {
                throw new NoSuchFileException(
                        file + " (containerd has not kept this layer; fetch it with 'ctr content fetch')");
            }
            try (InputStream bytes = Files.newInputStream(file)) {
                store.put(blob.digest(), bytes);
            }
        }
        Digest _ = store.put(document);
        ImageName named = ImageName.of(name, mediaType(document), document);
        store.name(named);
        return named;
    }

    private static boolean isIndex(byte[] document) throws CorruptImageException {
        return JsonParser.parse("manifest", document).object().optional("manifests") != null;
    }

    private static byte[] small(Path blobs, Digest digest) throws IOException {
        Path file = blobs.resolve(digest.hex());
        if (Files.size(file) > JsonParser.MAX_TEXT_BYTES) {
            throw new CorruptImageException(file.toString(), "is larger than any manifest");
        }
        byte[] bytes = Files.readAllBytes(file);
        if (!Digest.ofContent(bytes).equals(digest)) {
            throw new CorruptImageException(file.toString(), "has the digest " + Digest.ofContent(bytes));
        }
        return bytes;
    }
}
