package io.lamina.host.fleet;

import io.lamina.host.content.ContentStore;
import io.lamina.host.flatten.FlattenedImage;
import io.lamina.host.registry.Referrers;
import io.lamina.host.registry.Repository;
import io.lamina.host.registry.TransferListener;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonWriter;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.MediaType;
import io.lamina.images.oci.StoredImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Publishes what an image was converted to, as referrers of its manifest, which is in the repository already: a native
 * image that containerd runs, fsmeta and level-0 hashes, and the signed statement.
 */
public final class FleetPush {
    private final ContentStore content;
    private final Repository repository;
    private final TransferListener listener;

    public FleetPush(ContentStore content, Repository repository, TransferListener listener) {
        this.content = content;
        this.repository = repository;
        this.listener = listener;
    }

    /**
     * What is published.
     *
     * @param image the native image's manifest
     * @param originalBytes of the layers as they were
     * @param nativeBytes of the layers as they are now
     */
    public record Published(Digest image, long originalBytes, long nativeBytes) {}

    /**
     * What native images are called.
     *
     * @param compressed the one of {@code application/vnd.erofs.layer.v1+zstd}
     * @param plain the one of uncompressed layers; it is made where it has a name
     */
    public record Tags(String compressed, Optional<String> plain) {}

    /**
     * Publishes.
     *
     * @param subject the original manifest
     * @param envelope the statement, signed
     * @param tags name the native images, for programs that know nothing of referrers
     */
    public Published publish(
            Descriptor subject, StoredImage image, FlattenedImage flattened, byte[] envelope, Tags tags)
            throws IOException {
        Map<Digest, Object> layers = new LinkedHashMap<>(); // by verity root: a layer may be in an image twice
        Map<Digest, Digest> diffIds = new LinkedHashMap<>();
        long nativeBytes = 0;
        for (StoredBlob blob : flattened.layers()) {
            Digest root = blob.hashes().rootHash();
            if (!layers.containsKey(root)) {
                try (PackedFile packed = PackedFile.of(content, blob.blob(), MediaType.EROFS_LAYER_ZSTD)) {
                    repository.putBlob(packed.descriptor(), packed.file(), Optional.empty(), listener);
                    layers.put(
                            root,
                            described(
                                    packed.descriptor(),
                                    Map.of(
                                            FleetTypes.DIFF_ID,
                                            blob.diffId().toString(),
                                            FleetTypes.VERITY_ROOT,
                                            root.hex())));
                    diffIds.put(root, packed.plain());
                    nativeBytes += packed.descriptor().sizeBytes();
                }
            }
        }
        Digest nativeImage = nativeImage(
                FleetTypes.NATIVE_IMAGE,
                subject,
                config(image, flattened, diffIds),
                inOrder(flattened, layers),
                tags.compressed);
        if (tags.plain.isPresent()) {
            for (StoredBlob blob : flattened.layers()) {
                Descriptor plain = new Descriptor(
                        FleetTypes.PLAIN_LAYER,
                        Objects.requireNonNull(diffIds.get(blob.hashes().rootHash())),
                        Files.size(blob.blob()),
                        null,
                        List.of());
                repository.putBlob(plain, blob.blob(), Optional.empty(), listener);
                layers.put(blob.hashes().rootHash(), described(plain, Map.of()));
            }
            Digest _ = nativeImage(
                    FleetTypes.PLAIN_IMAGE,
                    subject,
                    config(image, flattened, diffIds),
                    inOrder(flattened, layers),
                    tags.plain.get());
        }
        proof(subject, flattened);
        Descriptor statement = small(FleetTypes.STATEMENT, envelope);
        put(subject, FleetTypes.STATEMENT, empty(), List.of(described(statement, Map.of())), Optional.empty());
        long original =
                image.layers().stream().mapToLong(layer -> layer.sizeBytes()).sum();
        return new Published(nativeImage, original, nativeBytes);
    }

    private Digest nativeImage(
            String artifactType, Descriptor subject, Map<String, Object> config, List<Object> layers, String tag)
            throws IOException {
        Descriptor described = small(MediaType.OCI_CONFIG, JsonWriter.write(config));
        return put(subject, artifactType, described, layers, Optional.of(tag));
    }

    private static List<Object> inOrder(FlattenedImage flattened, Map<Digest, Object> layers) {
        List<Object> all = new ArrayList<>();
        flattened.layers().forEach(blob -> all.add(layers.get(blob.hashes().rootHash())));
        return all;
    }

    /** The image's own configuration, with the digests of the EROFS images for diffIDs. */
    private static Map<String, Object> config(StoredImage image, FlattenedImage flattened, Map<Digest, Digest> diffIds)
            throws IOException {
        List<Object> plain = new ArrayList<>();
        flattened
                .layers()
                .forEach(blob ->
                        plain.add(String.valueOf(diffIds.get(blob.hashes().rootHash()))));
        Map<String, Object> config = new TreeMap<>();
        if (JsonParser.parse("image configuration", image.configBytes()).tree() instanceof Map<?, ?> members) {
            members.forEach((name, value) -> config.put(String.valueOf(name), value));
        }
        config.put("rootfs", Map.of("type", "layers", "diff_ids", plain));
        return config;
    }

    private void proof(Descriptor subject, FlattenedImage flattened) throws IOException {
        List<Object> parts = new ArrayList<>();
        try (PackedFile fsmeta = PackedFile.of(content, flattened.fsmeta().path(), FleetTypes.FSMETA)) {
            repository.putBlob(fsmeta.descriptor(), fsmeta.file(), Optional.empty(), listener);
            parts.add(described(fsmeta.descriptor(), Map.of()));
        }
        for (StoredBlob blob : flattened.layers()) {
            Descriptor leaves = file(FleetTypes.LEAVES, blob.leaves());
            repository.putBlob(leaves, blob.leaves(), Optional.empty(), listener);
            parts.add(described(
                    leaves,
                    Map.of(
                            FleetTypes.DIFF_ID,
                            blob.diffId().toString(),
                            FleetTypes.VERITY_ROOT,
                            blob.hashes().rootHash().hex())));
        }
        put(subject, FleetTypes.PROOF, empty(), parts, Optional.empty());
    }

    /** Puts a manifest that refers to {@code subject}. */
    private Digest put(
            Descriptor subject, String artifactType, Descriptor config, List<Object> layers, Optional<String> tag)
            throws IOException {
        Map<String, Object> manifest = new TreeMap<>();
        manifest.put("schemaVersion", 2);
        manifest.put("mediaType", MediaType.OCI_MANIFEST);
        manifest.put("artifactType", artifactType);
        manifest.put("config", described(config, Map.of()));
        manifest.put("layers", layers);
        manifest.put("subject", described(subject, Map.of()));
        byte[] bytes = JsonWriter.write(manifest);
        Descriptor descriptor =
                new Descriptor(MediaType.OCI_MANIFEST, Digest.ofContent(bytes), bytes.length, null, List.of());
        new Referrers(repository)
                .put(subject.digest(), new Referrers.Referrer(descriptor, artifactType, Map.of()), bytes, tag);
        return descriptor.digest();
    }

    private Descriptor empty() throws IOException {
        return small(FleetTypes.EMPTY, "{}".getBytes(StandardCharsets.UTF_8));
    }

    private Descriptor small(String mediaType, byte[] bytes) throws IOException {
        Path file = content.temporary();
        try {
            Files.write(file, bytes);
            Descriptor descriptor = new Descriptor(mediaType, Digest.ofContent(bytes), bytes.length, null, List.of());
            repository.putBlob(descriptor, file, Optional.empty(), listener);
            return descriptor;
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private static Descriptor file(String mediaType, Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        return new Descriptor(mediaType, Digest.ofContent(bytes), bytes.length, null, List.of());
    }

    private static Map<String, Object> described(Descriptor descriptor, Map<String, String> annotations) {
        Map<String, Object> members = new TreeMap<>();
        members.put("mediaType", descriptor.mediaType());
        members.put("digest", descriptor.digest().toString());
        members.put("size", descriptor.sizeBytes());
        if (!annotations.isEmpty()) {
            members.put("annotations", annotations);
        }
        return members;
    }
}
