package io.lamina.host.fleet;

import io.lamina.host.content.ContentStore;
import io.lamina.host.registry.ImagePull;
import io.lamina.host.registry.Referrers;
import io.lamina.host.registry.Referrers.Referrer;
import io.lamina.host.registry.RemoteName;
import io.lamina.host.registry.Repository;
import io.lamina.host.store.BlobName;
import io.lamina.host.store.BlobStore;
import io.lamina.host.store.LeaseStore;
import io.lamina.host.store.Store;
import io.lamina.images.CorruptImageException;
import io.lamina.images.json.JsonObject;
import io.lamina.images.json.JsonParser;
import io.lamina.images.json.JsonValue;
import io.lamina.images.oci.Descriptor;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.LayerStream;
import io.lamina.images.statement.ImageStatement;
import io.lamina.images.statement.StatementRefusedException;
import io.lamina.images.statement.StatementVerifier;
import io.lamina.images.statement.TrustPolicy;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Brings what another node has converted. The statement's word counts where its signatures satisfy a policy; each blob that
 * comes is held against the root hash that it gives, block by block.
 */
public final class FleetPull {
    private final Repository repository;
    private final TrustPolicy policy;
    private final List<String> refusals = new ArrayList<>();

    public FleetPull(Repository repository, TrustPolicy policy) {
        this.repository = repository;
        this.policy = policy;
    }

    /**
     * A conversion that may be believed.
     *
     * @param statement admitted by the policy
     * @param envelope the statement as it was signed; not copied
     * @param layers the EROFS images, by the root hashes of their blobs
     */
    @SuppressWarnings("ArrayRecordComponent") // a carrier that lives within one call and is never compared
    public record Offer(ImageStatement statement, byte[] envelope, Map<Digest, Descriptor> layers) {
        /** Keeps a copy. */
        public Offer {
            layers = Map.copyOf(layers);
        }

        /** The layers' blobs, base first. */
        public List<BlobName> blobs() {
            return statement.contents().layers().stream()
                    .map(layer ->
                            new BlobName(layer.diffId(), statement.contents().formatVersion(), layer.verityRoot()))
                    .toList();
        }
    }

    /** Why statements that were there are not believed, in words. */
    public List<String> refusals() {
        return List.copyOf(refusals);
    }

    /** A conversion of this manifest, if the registry has one that the policy admits. */
    public Optional<Offer> find(Digest manifest, Digest config) throws IOException {
        Referrers referrers = new Referrers(repository);
        for (Referrer statement : referrers.list(manifest, FleetTypes.STATEMENT)) {
            byte[] envelope = only(statement);
            ImageStatement admitted;
            try {
                admitted = policy.admit(envelope, Optional.of(Instant.now())).statement();
            } catch (StatementRefusedException refused) {
                refusals.add("statement " + statement.descriptor().digest() + ": " + refused.getMessage());
                continue;
            }
            boolean same = admitted.image().manifestDigest().equals(manifest)
                    && admitted.image().configDigest().equals(config)
                    && admitted.contents().formatVersion() == BlobStore.FORMAT_VERSION;
            if (!same) {
                refusals.add("statement " + statement.descriptor().digest() + ": it is of another image or format");
                continue;
            }
            for (Referrer image : referrers.list(manifest, FleetTypes.NATIVE_IMAGE)) {
                Map<Digest, Descriptor> layers = layers(image);
                if (admitted.contents().layers().stream().allMatch(layer -> layers.containsKey(layer.verityRoot()))) {
                    return Optional.of(new Offer(admitted, envelope, layers));
                }
            }
            refusals.add(
                    "statement " + statement.descriptor().digest() + ": no native image has the blobs that it names");
        }
        return Optional.empty();
    }

    private byte[] only(Referrer referrer) throws IOException {
        List<JsonValue> layers = manifest(referrer).array("layers");
        if (layers.size() != 1) {
            throw new CorruptImageException(
                    "referrer " + referrer.descriptor().digest(), "has " + layers.size() + " blobs and not one");
        }
        return repository.smallBlob(Descriptor.parse(layers.getFirst()).digest(), StatementVerifier.MAX_ENVELOPE_BYTES);
    }

    private Map<Digest, Descriptor> layers(Referrer image) throws IOException {
        Map<Digest, Descriptor> layers = new HashMap<>();
        for (JsonValue layer : manifest(image).array("layers")) {
            JsonValue annotations = layer.object().optional("annotations");
            if (annotations != null) {
                Digest root = Digest.parse("sha256:"
                        + annotations.object().required(FleetTypes.VERITY_ROOT).string());
                layers.put(root, Descriptor.parse(layer));
            }
        }
        return layers;
    }

    private JsonObject manifest(Referrer referrer) throws IOException {
        String reference = referrer.descriptor().digest().toString();
        byte[] bytes = repository
                .manifest(reference)
                .orElseThrow(() -> new CorruptImageException("referrer " + reference, "is listed and not there"))
                .bytes();
        return JsonParser.parse("referrer " + reference, bytes).object();
    }

    /** Brings the blobs that the store lacks; they are held by {@code lease}. Gives how many bytes came. */
    public static long bring(
            RemoteName name, Offer offer, ImagePull pull, ContentStore content, Store store, LeaseStore.Lease lease)
            throws IOException {
        List<Descriptor> wanted = new ArrayList<>();
        BlobStore blobs = BlobStore.open(store.root().images());
        for (BlobName blob : offer.blobs()) {
            Descriptor layer = offer.layers.get(blob.verityRoot());
            if (blobs.get(blob).isEmpty() && layer != null && !wanted.contains(layer)) {
                wanted.add(layer);
            }
        }
        pull.fetch(name, wanted);
        for (int i = 0; i < offer.blobs().size(); i++) {
            BlobName blob = offer.blobs().get(i);
            Descriptor layer = offer.layers.get(blob.verityRoot());
            long blocks = offer.statement.contents().layers().get(i).blocks();
            var _ = store.layers()
                    .addForeign(
                            blob,
                            (file, leaves, _) -> {
                                unpack(content, layer, blocks, file, leaves);
                                return blob.diffId();
                            },
                            lease);
        }
        for (Descriptor layer : wanted) {
            content.remove(layer.digest());
        }
        return wanted.stream().mapToLong(Descriptor::sizeBytes).sum();
    }

    /** Unpacks frames and hashes blocks in one pass; more than {@code blocks} is refused before it is written. */
    private static void unpack(
            ContentStore content,
            @org.jspecify.annotations.Nullable Descriptor layer,
            long blocks,
            FileChannel file,
            FileChannel leaves)
            throws IOException {
        if (layer == null) {
            throw new CorruptImageException("native image", "lacks a layer that the statement names");
        }
        String what = "native layer " + layer.digest();
        int blockBytes = VerityGeometry.STANDARD.dataBlockSizeBytes();
        LeafHasher hasher = new LeafHasher(VerityGeometry.STANDARD);
        byte[] piece = new byte[SeekableZstd.FRAME_BYTES];
        byte[] hashes = new byte[piece.length / blockBytes * VerityGeometry.HASH_BYTES];
        long left = blocks * blockBytes;
        try (InputStream plain = LayerStream.detected(what, Files.newInputStream(content.path(layer.digest())))) {
            int count;
            while ((count = plain.readNBytes(piece, 0, piece.length)) > 0) {
                if (count > left || count % blockBytes != 0) {
                    throw new CorruptImageException(what, "does not have the " + blocks + " blocks of the statement");
                }
                left -= count;
                hasher.hash(ByteBuffer.wrap(piece, 0, count), hashes, 0);
                writeAll(leaves, ByteBuffer.wrap(hashes, 0, count / blockBytes * VerityGeometry.HASH_BYTES));
                writeAll(file, ByteBuffer.wrap(piece, 0, count));
            }
        }
        if (left != 0) {
            throw new CorruptImageException(
                    what, "ends " + left + " bytes before the statement's " + blocks + " blocks");
        }
    }

    private static void writeAll(FileChannel target, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            target.write(bytes);
        }
    }
}
