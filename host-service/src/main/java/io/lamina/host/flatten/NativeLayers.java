package io.lamina.host.flatten;

import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.lamina.host.store.BlobStore;
import io.lamina.host.store.StoredBlob;
import io.lamina.images.device.FlattenedDevice;
import io.lamina.images.erofs.Areas;
import io.lamina.images.erofs.ErofsImage;
import io.lamina.images.layer.LayerTranscoder;
import io.lamina.images.merge.MergeObstacle;
import io.lamina.images.oci.Digest;
import io.lamina.images.oci.LayerStream;
import io.lamina.images.oci.StoredLayer;
import io.lamina.images.verity.LeafHasher;
import io.lamina.images.verity.VerityGeometry;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Layers that are EROFS images of somebody. Those that merge as they are stay as they are; of the others the store gets a
 * plain blob, once. Several threads may bring layers.
 */
public final class NativeLayers {
    private static final int COPY_BYTES = 1 << 20;

    private final StoreOpening opening;
    private final List<Copied> copied = new CopyOnWriteArrayList<>();

    /** Opens the store when the first layer needs it. */
    @FunctionalInterface
    public interface StoreOpening {
        /** The store. */
        BlobStore open() throws IOException;
    }

    /**
     * A layer that was not taken as it is.
     *
     * @param layer its name
     * @param reason why, in words that go on from the name; without one the store had the blob already
     * @param blob what took its place
     */
    public record Copied(String layer, Optional<String> reason, StoredBlob blob) {
        /** The whole sentence. */
        public String sentence() {
            return layer + " is merged as a plain copy in the store: "
                    + reason.orElse("its data cannot be pointed to, as was found when it was copied");
        }
    }

    public NativeLayers(StoreOpening opening) {
        this.opening = opening;
    }

    /** The layers of which a plain blob was made, or was there. */
    public List<Copied> copied() {
        return List.copyOf(copied);
    }

    /** A plain blob of an image, from the store or made now. */
    StoredBlob copy(ErofsImage image, Digest contents, String reason) throws IOException {
        BlobStore store = opening.open();
        Optional<StoredBlob> known = store.find(contents);
        StoredBlob blob = known.isPresent()
                ? known.get()
                : store.add((file, leaves, recipe) -> {
                    LayerTranscoder.transcode(image, file, leaves, recipe);
                    return contents;
                });
        copied.add(new Copied(image.name(), Optional.of(reason), blob));
        return blob;
    }

    /** Notes a layer whose blob was found in the store. */
    void found(StoredLayer layer, StoredBlob blob) throws IOException {
        if (Files.exists(blob.recipe()) && Files.size(blob.recipe()) > 0) {
            copied.add(new Copied(layer.toString(), Optional.empty(), blob));
        }
    }

    /** Puts a layer of an image into the store, as it is but for its padding if it can be merged so. */
    StoredBlob add(StoredLayer layer) throws IOException {
        List<String> reason = new ArrayList<>();
        StoredBlob made = opening.open().add((blob, leaves, recipe) -> {
            try (InputStream stored = LayerStream.uncompressed(layer)) {
                take(layer.toString(), stored, blob, leaves, recipe).ifPresent(reason::add);
            }
            return layer.diffId();
        });
        if (!reason.isEmpty()) {
            copied.add(new Copied(layer.toString(), Optional.of(reason.getFirst()), made));
        }
        return made;
    }

    /**
     * Makes a blob of an EROFS image that comes as a stream, read to its end: as it is but for its padding if it can be
     * merged so, else a plain copy.
     *
     * @return why it became a copy; empty where it did not
     */
    public static Optional<String> take(
            String name, InputStream stored, FileChannel blob, FileChannel leaves, FileChannel recipe)
            throws IOException {
        write(stored, blob);
        ErofsImage image = ErofsImage.open(name, blob);
        String reason = obstacle(image);
        if (reason == null) {
            pad(image, blob);
            hash(blob, leaves);
        } else {
            transcodeInPlace(name, blob, leaves, recipe);
        }
        return Optional.ofNullable(reason);
    }

    /** Blobs in the store are one file each, and proved in blocks of one size. */
    private static @Nullable String obstacle(ErofsImage image) throws IOException {
        int blockSizeBytes = image.superblock().areas().blockSizeBytes();
        if (blockSizeBytes != VerityGeometry.STANDARD.dataBlockSizeBytes()) {
            return "its blocks have " + blockSizeBytes + " bytes";
        }
        return image.devices().isEmpty() ? MergeObstacle.of(image) : "it has data on a second device";
    }

    private static void transcodeInPlace(String name, FileChannel blob, FileChannel leaves, FileChannel recipe)
            throws IOException {
        Path moved = Files.createTempFile("lamina-layer", ".erofs");
        try (FileChannel source = FileChannel.open(moved, READ, WRITE, DELETE_ON_CLOSE)) {
            long size = blob.size();
            for (long done = 0; done < size; ) {
                done += blob.transferTo(done, size - done, source.position(done));
            }
            LayerTranscoder.transcode(ErofsImage.open(name, source), blob, leaves, recipe);
        }
    }

    private static void write(InputStream stored, FileChannel blob) throws IOException {
        byte[] piece = new byte[COPY_BYTES];
        int got;
        while ((got = stored.read(piece)) >= 0) {
            ByteBuffer bytes = ByteBuffer.wrap(piece, 0, got);
            while (bytes.hasRemaining()) {
                blob.write(bytes);
            }
        }
    }

    /** What lies behind the image's own blocks, a hash tree or a footer, is no part of the layer. */
    private static void pad(ErofsImage image, FileChannel blob) throws IOException {
        Areas areas = image.superblock().areas();
        long unit = FlattenedDevice.PART_ALIGNMENT_BYTES;
        long padded = (areas.lengthBytes() + unit - 1) / unit * unit;
        blob.truncate(areas.lengthBytes());
        if (padded > areas.lengthBytes()) {
            blob.write(ByteBuffer.allocate(1), padded - 1);
        }
    }

    private static void hash(FileChannel blob, FileChannel leaves) throws IOException {
        LeafHasher hasher = new LeafHasher(VerityGeometry.STANDARD);
        int piece = FlattenedDevice.PART_ALIGNMENT_BYTES;
        ByteBuffer data = ByteBuffer.allocate(piece);
        byte[] hashes = new byte[piece / VerityGeometry.STANDARD.dataBlockSizeBytes() * VerityGeometry.HASH_BYTES];
        for (long at = 0; at < blob.size(); at += piece) {
            data.clear();
            while (data.hasRemaining() && blob.read(data, at + data.position()) > 0) {}
            hasher.hash(data.flip(), hashes, 0);
            ByteBuffer out = ByteBuffer.wrap(hashes);
            while (out.hasRemaining()) {
                leaves.write(out);
            }
        }
    }
}
