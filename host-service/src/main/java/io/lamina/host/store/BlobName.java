package io.lamina.host.store;

import io.lamina.images.CorruptImageException;
import io.lamina.images.oci.Digest;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a layer blob is kept by. The diffID alone would let a foreign or older conversion stand in for ours.
 *
 * @param diffId sha256 of the layer's uncompressed tar
 * @param formatVersion version of the rules by which it was converted
 * @param verityRoot dm-verity's root hash over the blob
 */
public record BlobName(Digest diffId, int formatVersion, Digest verityRoot) {
    private static final Pattern FORM = Pattern.compile("([0-9a-f]{64})\\.([0-9]{1,9})\\.([0-9a-f]{64})");

    /** The name of a stored blob. */
    public static BlobName of(StoredBlob blob) {
        return new BlobName(
                blob.diffId(), BlobStore.FORMAT_VERSION, blob.hashes().rootHash());
    }

    /** Reads {@link #toString}'s form; empty for anything else. */
    public static Optional<BlobName> parse(String text) {
        Matcher parts = FORM.matcher(text);
        if (!parts.matches()) {
            return Optional.empty();
        }
        return Optional.of(
                new BlobName(new Digest(parts.group(1)), Integer.parseInt(parts.group(2)), new Digest(parts.group(3))));
    }

    /** As {@link #parse}, where nothing else can be but by damage. */
    static BlobName stored(String text) throws CorruptImageException {
        return parse(text).orElseThrow(() -> new CorruptImageException("store", "\"" + text + "\" is no blob's name"));
    }

    /** As directories are named: {@code DIFFID.FORMAT.VERITYROOT}. */
    @Override
    public String toString() {
        return diffId.hex() + "." + formatVersion + "." + verityRoot.hex();
    }
}
