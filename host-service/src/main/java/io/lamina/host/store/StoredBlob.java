package io.lamina.host.store;

import io.lamina.images.oci.Digest;
import java.nio.file.Path;

/**
 * A layer blob at rest, immutable.
 *
 * @param diffId sha256 of the layer's uncompressed tar
 * @param verityRoot dm-verity root over the blob alone, {@code VerityGeometry.STANDARD}
 * @param blocks length of the blob in blocks of 4096 bytes, a multiple of 128
 * @param blob the EROFS image
 * @param leaves the level-0 hashes of the blob, 32 bytes a block
 */
public record StoredBlob(Digest diffId, Digest verityRoot, long blocks, Path blob, Path leaves) {}
