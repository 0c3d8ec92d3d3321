package io.lamina.images.layer;

import io.lamina.images.oci.Digest;

/**
 * What a conversion has made.
 *
 * @param diffId digest of the uncompressed tar
 * @param blockSizeBytes of the blob
 * @param blocks of the blob, padding included
 * @param inodes in the blob
 */
public record ConvertedLayer(Digest diffId, int blockSizeBytes, long blocks, long inodes) {}
